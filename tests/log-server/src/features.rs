//! Reports the server's capabilities: the implemented methods and no others.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::protocol::Empty;
use crate::protocol::server_features::server_features_server::ServerFeatures;
use crate::protocol::server_features::{SupportedMethod, SupportedMethods};

/// The version of the real server that this server imitates.
const VERSION: &str = "24.10.0";

/// The service, method and features, in lower case, as the real server sends them.
const METHODS: [(&str, &str, &[&str]); 7] = [
    ("event_store.client.streams.streams", "read", &["position", "events"]),
    ("event_store.client.streams.streams", "append", &[]),
    ("event_store.client.streams.streams", "delete", &[]),
    ("event_store.client.streams.streams", "tombstone", &[]),
    ("event_store.client.streams.streams", "batchappend", &["deadline_duration"]),
    ("event_store.client.gossip.gossip", "read", &[]),
    ("event_store.client.server_features.serverfeatures", "getsupportedmethods", &[]),
];

/// The gRPC service for server features.
#[derive(Debug)]
pub(crate) struct FeaturesService {
    pub(crate) node: Arc<Node>,
}

#[tonic::async_trait]
impl ServerFeatures for FeaturesService {
    async fn get_supported_methods(&self, _: Request<Empty>) -> Result<Response<SupportedMethods>, Status> {
        self.node.admit_discovery().await?;
        let methods = METHODS.map(|(service, method, features)| SupportedMethod {
            method_name: method.to_owned(),
            service_name: service.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        });
        Ok(Response::new(SupportedMethods {
            methods: methods.into(),
            event_store_server_version: VERSION.to_owned(),
        }))
    }
}
