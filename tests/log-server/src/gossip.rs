//! Reports the cluster's members and its leader. A single node is its own leader.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::members::Member;
use crate::node::Node;
use crate::protocol::Empty;
use crate::protocol::gossip::gossip_server::Gossip;
use crate::protocol::gossip::member_info::VNodeState;
use crate::protocol::gossip::{ClusterInfo, EndPoint, MemberInfo};
use crate::store::ticks_now;
use crate::streams::wire::structured_uuid;

/// The gRPC service for gossip.
#[derive(Debug)]
pub(crate) struct GossipService {
    pub(crate) node: Arc<Node>,
}

#[tonic::async_trait]
impl Gossip for GossipService {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        self.node.admit_discovery().await?;
        let members = self.node.members.list().into_iter().map(|(member, leads)| describe(&member, leads));
        Ok(Response::new(ClusterInfo { members: members.collect() }))
    }
}

fn describe(member: &Member, leads: bool) -> MemberInfo {
    let state = if leads { VNodeState::Leader } else { VNodeState::Follower };
    let end_point =
        EndPoint { address: member.address.ip().to_string(), port: u32::from(member.address.port()) };
    MemberInfo {
        instance_id: Some(structured_uuid(member.id)),
        time_stamp: ticks_now().cast_signed(),
        state: state.into(),
        is_alive: member.alive,
        http_end_point: Some(end_point),
    }
}
