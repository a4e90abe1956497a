//! Tests a cluster of three members: one leads and takes writes, all show the same events, and another one takes
//! over.

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::gossip::gossip_client::GossipClient;
use daybook_log_server::protocol::gossip::member_info::VNodeState;
use daybook_log_server::protocol::streams::ReadReq;
use daybook_log_server::protocol::streams::read_req::options::CountOption;
use daybook_log_server::protocol::streams::read_req::options::ReadDirection::Forwards;
use daybook_log_server::{Cluster, NoSuchMember, Options, Server};
use tonic::{Code, Request};

use crate::client::{
    ANY, Client, all_streams, beginning, channel, commits, ids, next, no_filter, trailer, until_caught_up,
};

/// The port of each member, whether it is running, and whether it leads.
async fn gossip(server: &Server) -> Vec<(u32, bool, bool)> {
    let mut client = GossipClient::new(channel(server.address()).await);
    let members = client.read(Empty {}).await.unwrap().into_inner().members;
    let describe = |member: daybook_log_server::protocol::gossip::MemberInfo| {
        let leads = member.state() == VNodeState::Leader;
        (member.http_end_point.unwrap().port, member.is_alive, leads)
    };
    members.into_iter().map(describe).collect()
}

#[tokio::test]
async fn a_node_on_its_own_leads_itself() {
    let server = Server::start(Options::default()).await.unwrap();
    assert_eq!(gossip(&server).await, [(u32::from(server.address().port()), true, true)]);
}

#[tokio::test]
async fn followers_send_writers_to_the_leader_and_serve_readers_that_do_not_insist() {
    let cluster = Cluster::start(3, Options::default()).await.unwrap();
    let (leader, follower) = (cluster.member(0).unwrap(), cluster.member(2).unwrap());
    assert_eq!(cluster.url().matches(',').count(), 2, "{}", cluster.url());
    let mut on_leader = Client::connect(leader.address()).await;
    let mut on_follower = Client::connect(follower.address()).await;
    on_leader.append("page-1", ANY, &ids(1)).await.unwrap();
    let refused = on_follower.append("page-1", ANY, &ids(1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let port = leader.address().port().to_string();
    assert_eq!(trailer(&refused, "leader-endpoint-port"), Some(port.as_str()));

    assert_eq!(commits(&on_follower.read_all(beginning(), Forwards, 10).await.unwrap()).len(), 2);
    let options = all_streams(beginning(), Forwards, CountOption::Count(10), no_filter());
    let mut request = Request::new(ReadReq { options: Some(options) });
    request.metadata_mut().insert("requires-leader", "true".parse().unwrap());
    let refused = on_follower.streams.read(request).await.unwrap_err();
    assert_eq!(trailer(&refused, "exception"), Some("not-leader"));
}

#[tokio::test]
async fn after_an_election_the_old_leader_refuses_and_its_subscriptions_go_on() {
    let cluster = Cluster::start(3, Options::default()).await.unwrap();
    let mut on_first = Client::connect(cluster.member(0).unwrap().address()).await;
    let mut on_second = Client::connect(cluster.member(1).unwrap().address()).await;
    let mut subscription = on_first.subscribe(beginning(), no_filter()).await.unwrap();
    until_caught_up(&mut subscription).await;
    cluster.elect(1).unwrap();
    assert_eq!(on_first.append("page-1", ANY, &ids(1)).await.unwrap_err().code(), Code::NotFound);
    on_second.append("page-1", ANY, &ids(1)).await.unwrap();
    next(&mut subscription).await;
    let leaders: Vec<_> =
        gossip(cluster.member(2).unwrap()).await.into_iter().map(|member| member.2).collect();
    assert_eq!(leaders, [false, true, false]);
}

#[tokio::test]
async fn a_dead_leader_leaves_nobody_until_an_election_and_comes_back_as_a_follower() {
    let mut cluster = Cluster::start(3, Options::default()).await.unwrap();
    let first = cluster.member(0).unwrap().address();
    let mut on_first = Client::connect(first).await;
    on_first.append("page-1", ANY, &ids(1)).await.unwrap();
    cluster.kill(0).await.unwrap();
    assert_eq!(cluster.leader(), None);
    assert_eq!(cluster.member(0).err(), Some(NoSuchMember { member: 0 }));
    on_first.append("page-1", ANY, &ids(1)).await.expect_err("it is dead");
    let mut on_second = Client::connect(cluster.member(1).unwrap().address()).await;
    assert_eq!(on_second.append("page-1", ANY, &ids(1)).await.unwrap_err().code(), Code::Unavailable);
    let alive: Vec<_> = gossip(cluster.member(1).unwrap()).await.into_iter().map(|member| member.1).collect();
    assert_eq!(alive, [false, true, true]);

    cluster.elect(1).unwrap();
    on_second.append("page-1", ANY, &ids(1)).await.unwrap();
    cluster.restart(0).await.unwrap();
    assert_eq!(cluster.member(0).unwrap().address(), first);
    let mut on_first = Client::connect(first).await;
    let refused = on_first.append("page-1", ANY, &ids(1)).await.unwrap_err();
    assert_eq!(trailer(&refused, "exception"), Some("not-leader"));
    assert!(cluster.restart(0).await.is_err(), "it is alive");
}
