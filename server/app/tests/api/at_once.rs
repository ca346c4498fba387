//! D5, D6, R5: what changes in the store holds for sockets that are open, and for nobody else's.

use std::time::Duration;

use fieldbook_core::access::{Action, Grantee, Permit, Resource, Role, Subject, Visibility, WorkspaceRole, authorise};
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};
use fieldbook_harness::{Peer, TestUser, Value};
use fieldbook_store::{Touched, WorkspaceSettings};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::people::{Person, TestServer, event};

/// Ann owns the workspace, ben is a member; both have a document of ann's open.
struct Scene {
    server: TestServer,
    owner: Person,
    ann: Peer,
    ben: Peer,
    ben_id: UserId,
    workspace: WorkspaceId,
    document: String,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut fieldbook::config::Config)) -> Self {
        let server = TestServer::start_with(change).await;
        let owner = server.set_up("Ann").await;
        let member = server.join(&owner.invite("editor").await, "Ben").await;
        let session = member.get("/api/session").await.json();
        let id = |key: &str| session[key]["id"].as_str().unwrap().to_owned();
        let (ben_id, workspace) = (id("user").parse().unwrap(), id("workspace").parse().unwrap());
        let peer = async |person: &Person, name| {
            let token = server.bounded(person, Role::Owner).await.token.unwrap();
            TestUser::new(name, &token, server.server.addr())
                .connect_fieldbook()
                .await
        };
        let (mut ann, mut ben) = (peer(&owner, "ann").await, peer(&member, "ben").await);
        let document = ann.create().await;
        ann.write(&document, "Ann").await;
        ann.saved(&document).await;
        ben.find(&document).await.unwrap();
        ben.write(&document, " and Ben").await;
        ben.saved(&document).await;
        becomes(&mut ben, "editor").await;
        Self {
            server,
            owner,
            ann,
            ben,
            ben_id,
            workspace,
            document,
        }
    }

    fn id(&self) -> DocumentId {
        self.document.parse().unwrap()
    }

    /// What ann may, who owns the workspace and the document.
    async fn on_document(&self, action: Action) -> Permit {
        let access = self
            .server
            .server
            .state()
            .store
            .document_access(self.id())
            .await
            .unwrap()
            .unwrap();
        authorise(&self.power(), action, &Resource::Document(self.id(), &access)).unwrap()
    }

    fn as_owner(&self, action: Action) -> Permit {
        let owner = Subject::of(UserId(uuid::Uuid::nil()), "power", self.workspace, WorkspaceRole::Owner);
        authorise(&owner, action, &Resource::Workspace(self.workspace)).unwrap()
    }

    fn power(&self) -> Subject {
        let mut owner = Subject::of(UserId(uuid::Uuid::nil()), "power", self.workspace, WorkspaceRole::Owner);
        let documents = [(self.id(), Role::Owner)].into();
        owner.bounds.documents = fieldbook_core::access::Documents::Granted(documents);
        owner
    }

    async fn tell(&self, touched: Touched) {
        self.server.server.state().sockets.access_changed(touched).await;
    }

    /// Ben is not here any more; ann goes on, on the same socket.
    async fn ben_is_out(&mut self) {
        let document = self.document.clone();
        self.ben
            .until("doc-unavailable", |ben| ben.replica(&document).unavailable)
            .await;
        let before = self.ben.text(&document);
        self.ben.write(&document, ", unheard").await;
        self.ann.write(&document, ", unseen").await;
        self.ann.saved(&document).await;
        assert!(!self.ann.text(&document).contains("unheard"));
        assert_eq!(self.ben.text(&document), format!("{before}, unheard"));
        assert!(self.ann.is_connected() && self.ben.is_connected());
    }
}

async fn becomes(peer: &mut Peer, role: &str) {
    peer.fb_where("role", |frame| frame.text("role") == role).await;
}

#[tokio::test]
async fn a_removed_member_is_out_and_begins_anew_when_they_come_back() {
    let mut scene = Scene::new().await;
    let store = &scene.server.server.state().store;
    let regards = scene.as_owner(Action::ChangeMember(WorkspaceRole::Owner));
    let touched = store.set_member(&regards, scene.ben_id, None, event()).await.unwrap();
    scene.tell(touched).await;
    scene.ben_is_out().await;
    let store = &scene.server.server.state().store;
    let member = Some(WorkspaceRole::Member);
    let touched = store.set_member(&regards, scene.ben_id, member, event()).await.unwrap();
    scene.tell(touched).await;
    becomes(&mut scene.ben, "editor").await;
    let document = scene.document.clone();
    scene.ann.sees(&document, "unheard").await;
}

#[tokio::test]
async fn whoever_is_held_back_for_sending_too_fast_hears_of_it_all_the_same() {
    let mut scene = Scene::with(|config| config.limits.bytes_per_second = 3_000).await;
    // For some minutes; what is read at once holds it back for longer than the test waits.
    let much = Value::frame("nonsense").with("data", vec![0_u8; 900_000]);
    scene.ben.send_frame(&much).await;
    let store = std::sync::Arc::clone(&scene.server.server.state().store);
    let regards = scene.as_owner(Action::ChangeMember(WorkspaceRole::Owner));
    let touched = store.set_member(&regards, scene.ben_id, None, event()).await.unwrap();
    scene.tell(touched).await;
    let document = scene.document.clone();
    scene
        .ben
        .until("doc-unavailable", |ben| ben.replica(&document).unavailable)
        .await;
}

#[tokio::test]
async fn grants_groups_and_visibility_reach_open_sockets() {
    let mut scene = Scene::new().await;
    let store = std::sync::Arc::clone(&scene.server.server.state().store);
    let (share, hide) = (
        scene.on_document(Action::Share).await,
        scene.on_document(Action::ChangeVisibility).await,
    );
    let ben = Grantee::User(scene.ben_id);
    scene
        .tell(store.set_grant(&share, ben, Some(Role::Viewer), event()).await.unwrap())
        .await;
    becomes(&mut scene.ben, "viewer").await;
    scene
        .tell(store.set_grant(&share, ben, None, event()).await.unwrap())
        .await;
    becomes(&mut scene.ben, "editor").await;
    let settings = WorkspaceSettings {
        default_role: Role::Commenter,
        new_documents: Visibility::Workspace,
    };
    let (change, manage) = (Action::ChangeSettings, Action::ManageGroups);
    let (change, manage) = (scene.as_owner(change), scene.as_owner(manage));
    scene
        .tell(store.set_settings(&change, settings, event()).await.unwrap())
        .await;
    becomes(&mut scene.ben, "commenter").await;
    let group = GroupId(uuid::Uuid::new_v4());
    store.put_group(&manage, group, "Sales", event()).await.unwrap();
    scene
        .tell(
            store
                .set_grant(&share, Grantee::Group(group), Some(Role::Owner), event())
                .await
                .unwrap(),
        )
        .await;
    scene
        .tell(
            store
                .set_group_member(&manage, group, scene.ben_id, true, event())
                .await
                .unwrap(),
        )
        .await;
    becomes(&mut scene.ben, "owner").await;
    scene
        .tell(store.delete_group(&manage, group, event()).await.unwrap())
        .await;
    becomes(&mut scene.ben, "commenter").await;
    scene
        .tell(store.set_visibility(&hide, Visibility::Private, event()).await.unwrap())
        .await;
    scene.ben_is_out().await;
}

/// Time does what an owner can do, and whoever has the document open hears of it.
#[tokio::test]
async fn what_was_in_the_trash_for_long_enough_is_gone() {
    let mut scene = Scene::new().await;
    let path = format!("/api/documents/{}", scene.document);
    let (document, state) = (scene.document.clone(), scene.server.server.state().clone());
    assert_eq!(scene.owner.get(&path).await.json()["purgeAt"], serde_json::Value::Null);
    assert_eq!(scene.owner.post(&format!("{path}/trash"), json!({})).await.status, 204);
    becomes(&mut scene.ann, "viewer").await;
    let trashed = scene.owner.get(&path).await.json();
    let (at_ms, days) = (trashed["trashedAt"].as_i64().unwrap(), 86_400_000);
    assert_eq!(trashed["purgeAt"], at_ms + 30 * days);
    assert_eq!(state.empty_trash(at_ms + 30 * days - 1).await.unwrap(), 0);
    assert_eq!(scene.owner.get(&path).await.status, 200);
    assert_eq!(state.empty_trash(at_ms + 30 * days).await.unwrap(), 1);
    scene
        .ann
        .until("doc-unavailable", |ann| ann.replica(&document).unavailable)
        .await;
    scene.owner.get(&path).await.assert_problem(404, "not-found");
    let log = scene.owner.get("/api/audit?limit=1").await.json();
    let entry = &log["entries"][0];
    assert_eq!(
        (&entry["action"], &entry["credential"]),
        (&json!("document_purged"), &json!("server"))
    );
    assert_eq!(entry["subject"]["id"], document.as_str());
    assert_eq!(state.empty_trash(at_ms + 60 * days).await.unwrap(), 0);
}

/// What was written is told, although whoever asked for it hung up before the answer.
#[tokio::test]
async fn a_request_that_is_given_up_reaches_open_sockets_if_it_was_done() {
    let mut scene = Scene::new().await;
    let mut given_up_and_done = 0;
    for round in 0..40 {
        let role = if round % 2 == 0 { "viewer" } else { "editor" };
        let path = format!("/api/documents/{}/access/people/{}", scene.document, scene.ben_id);
        let body = json!({"role": role}).to_string();
        let (host, origin) = (scene.server.server.addr(), scene.server.base());
        let request = format!(
            "PUT {path} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncookie: fieldbook_session={}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            scene.owner.cookie.as_ref().unwrap(),
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        stream.set_zero_linger().unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_micros(250 * (round / 2))).await;
        drop(stream);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let access = scene
            .server
            .server
            .state()
            .store
            .document_access(scene.id())
            .await
            .unwrap()
            .unwrap();
        let granted = access
            .grants
            .get(&Grantee::User(scene.ben_id))
            .map(|role| role.as_str());
        if granted == Some(role) {
            given_up_and_done += 1;
        } else {
            assert_eq!(scene.owner.put(&path, json!({"role": role})).await.status, 204);
        }
        becomes(&mut scene.ben, role).await;
    }
    assert!(given_up_and_done > 0, "no request came so far");
}

#[tokio::test]
async fn what_is_in_the_trash_can_stay_for_ever() {
    let server = TestServer::start_with(|config| config.trash.keep_days = 0).await;
    let ann = server.set_up("Ann").await;
    let path = format!(
        "/api/documents/{}",
        ann.create("account_plan", "Globex").await["id"].as_str().unwrap()
    );
    assert_eq!(ann.post(&format!("{path}/trash"), json!({})).await.status, 204);
    assert_eq!(server.server.state().empty_trash(i64::MAX / 2).await.unwrap(), 0);
    let kept = ann.get(&path).await.json();
    assert_eq!((&kept["purgeAt"], kept["trashedAt"].is_i64()), (&json!(null), true));
}

#[tokio::test]
async fn what_is_archived_is_read_and_what_is_purged_is_gone() {
    let mut scene = Scene::new().await;
    let store = std::sync::Arc::clone(&scene.server.server.state().store);
    let path = format!("/api/documents/{}", scene.document);
    assert_eq!(
        scene.owner.post(&format!("{path}/archive"), json!({})).await.status,
        204
    );
    becomes(&mut scene.ben, "viewer").await;
    becomes(&mut scene.ann, "viewer").await;
    assert_eq!(
        scene.owner.post(&format!("{path}/restore"), json!({})).await.status,
        204
    );
    becomes(&mut scene.ben, "editor").await;
    becomes(&mut scene.ann, "owner").await;
    let trash = scene.on_document(Action::Trash).await;
    scene.tell(store.change_state(&trash, 1, event()).await.unwrap()).await;
    becomes(&mut scene.ann, "viewer").await;
    let document = scene.document.clone();
    scene
        .ben
        .until("doc-unavailable", |ben| ben.replica(&document).unavailable)
        .await;
    let purge = scene.on_document(Action::Purge).await;
    scene.tell(store.change_state(&purge, 2, event()).await.unwrap()).await;
    scene
        .ann
        .until("doc-unavailable", |ann| ann.replica(&document).unavailable)
        .await;
    scene.ann.write(&document, "back").await;
    scene.ann.reconnect().await;
    scene.ann.send(&document).await;
    scene.ann.listen(std::time::Duration::from_millis(500)).await;
    let stored = store.load(scene.id()).await.unwrap().unwrap();
    assert!(
        stored.tail.is_empty() && stored.archive.is_none(),
        "no client brings it back"
    );
}

#[tokio::test]
async fn what_the_api_changes_is_told_to_open_sockets() {
    let mut scene = Scene::new().await;
    let access = format!("/api/documents/{}/access", scene.document);
    let bens_grant = format!("{access}/people/{}", scene.ben_id);
    let answer = scene.owner.put(&bens_grant, json!({"role": "viewer"})).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    becomes(&mut scene.ben, "viewer").await;
    assert_eq!(scene.owner.delete(&bens_grant).await.status, 204);
    becomes(&mut scene.ben, "editor").await;
    let groups = format!("/api/workspaces/{}/groups", scene.workspace);
    let group = scene.owner.post(&groups, json!({"name": "Sales"})).await.json();
    let group = group["id"].as_str().unwrap();
    let of_group = format!("{access}/groups/{group}");
    assert_eq!(scene.owner.put(&of_group, json!({"role": "owner"})).await.status, 204);
    let in_group = format!("{groups}/{group}/members/{}", scene.ben_id);
    assert_eq!(scene.owner.put(&in_group, json!({})).await.status, 204);
    becomes(&mut scene.ben, "owner").await;
    assert_eq!(scene.owner.delete(&in_group).await.status, 204);
    becomes(&mut scene.ben, "editor").await;
    let answer = scene.owner.put(&access, json!({"visibility": "private"})).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    scene.ben_is_out().await;
}

#[tokio::test]
async fn whom_the_api_removes_is_out() {
    let mut scene = Scene::new().await;
    let grant = format!("/api/documents/{}/access/people/{}", scene.document, scene.ben_id);
    assert_eq!(scene.owner.put(&grant, json!({"role": "viewer"})).await.status, 204);
    becomes(&mut scene.ben, "viewer").await;
    let ben = format!("/api/workspaces/{}/members/{}", scene.workspace, scene.ben_id);
    assert_eq!(scene.owner.delete(&ben).await.status, 204);
    scene.ben_is_out().await;
    // Without the grant a member would be an editor, which ben was at no time.
    let told_a_role = scene.ben.fb.iter().any(|frame| frame.text("kind") == "role");
    assert!(!told_a_role, "{:?}", scene.ben.fb);
}
