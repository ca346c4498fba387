//! Every operation of the OpenAPI description, asked by every kind of person.

use std::collections::BTreeSet;

use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{Workspace, WorkspaceRole};
use reqwest::Method;
use serde_json::{Value, json};

use crate::people::{Person, TestServer, send};

/// y: may. n: 403. `-`: 404, as if there were no such thing. x: 401.
///
/// Owner, admin, member and guest of the workspace; a viewer and a commenter by grant, who are guests; the owner of another
/// workspace; nobody. The document is visible to the workspace; its members may edit.
const TABLE: &str = "
    listDocuments       yyyy yy yx
    createDocument      yyyn nn yx
    showDocument        yyy- yy -x
    archiveDocument     yyy- nn -x
    trashDocument       yyn- nn -x
    restoreDocument     yy-- -- -x
    purgeDocument       yy-- -- -x
    showAccess          yyy- yy -x
    setVisibility       yyn- nn -x
    grantToPerson       yyn- nn -x
    withdrawFromPerson  yyn- nn -x
    grantToGroup        yyn- nn -x
    withdrawFromGroup   yyn- nn -x
    listWorkspaces      yyyy yy yx
    createWorkspace     ynnn nn yx
    listMembers         yyyn nn -x
    setMember           yynn nn -x
    removeMember        yynn nn -x
    makePasswordReset   nnnn nn nx
    listInvitations     yynn nn -x
    withdrawInvitation  yynn nn -x
    listGroups          yyyn nn -x
    createGroup         yynn nn -x
    renameGroup         yynn nn -x
    deleteGroup         yynn nn -x
    addToGroup          yynn nn -x
    removeFromGroup     yynn nn -x
    invite              yynn nn yx
    showSession         yyyy yy yx
    listDevices         nnnn nn nx
    endDevice           nnnn nn nx
    endDevices          nnnn nn nx
    changePassword      nnnn nn nx
    showAuditLog        ynnn nn yx
";

/// What asks for nobody.
const OPEN: [&str; 9] = [
    "signIn",
    "signOut",
    "showInvitation",
    "acceptInvitation",
    "showPasswordReset",
    "resetPassword",
    "describe",
    "alive",
    "ready",
];

struct World {
    server: TestServer,
    workspace: Workspace,
    owner: Person,
    /// In the order of the columns.
    personas: Vec<(Person, Option<UserId>)>,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            config.limits.requests_per_second = 10_000;
            config.limits.user_requests_per_second = 10_000;
        })
        .await;
        let owner = server.set_up("Ann").await;
        let store = &server.server.state().store;
        let workspace = store.first_workspace().await.unwrap().unwrap();
        let elsewhere = Workspace {
            id: WorkspaceId(uuid::Uuid::new_v4()),
            name: "Elsewhere".into(),
        };
        store.create_workspace(elsewhere.clone()).await.unwrap();
        let mut personas = Vec::new();
        for (name, place, role) in [
            ("owner", &workspace, WorkspaceRole::Owner),
            ("admin", &workspace, WorkspaceRole::Admin),
            ("member", &workspace, WorkspaceRole::Member),
            ("guest", &workspace, WorkspaceRole::Guest),
            ("viewer", &workspace, WorkspaceRole::Guest),
            ("commenter", &workspace, WorkspaceRole::Guest),
            ("stranger", &elsewhere, WorkspaceRole::Owner),
        ] {
            let (person, id) = server.newcomer(place, role, name).await;
            personas.push((person, Some(id)));
        }
        personas.push((server.stranger(), None));
        Self {
            server,
            workspace,
            owner,
            personas,
        }
    }

    /// The id of one more invitation.
    async fn open_invitation(&self) -> String {
        self.owner.invite("viewer").await;
        let path = format!("/api/workspaces/{}/invitations", self.workspace.id);
        let open = self.owner.get(&path).await.json();
        open["invitations"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The address of an operation, with a document, a group and a person made for it.
    async fn address(&self, operation: &str, path: &str) -> String {
        let document = self.owner.create("account_plan", "Globex").await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let of_document = format!("/api/documents/{document}");
        for (persona, role) in [(4, "viewer"), (5, "commenter")] {
            let id = self.personas[persona].1.unwrap();
            let grant = format!("{of_document}/access/people/{id}");
            assert_eq!(self.owner.put(&grant, json!({"role": role})).await.status, 204);
        }
        if matches!(operation, "restoreDocument" | "purgeDocument") {
            let trash = format!("{of_document}/trash");
            assert_eq!(self.owner.post(&trash, json!({})).await.status, 204);
        }
        let name = uuid::Uuid::new_v4().to_string();
        let (_, person) = self
            .server
            .newcomer(&self.workspace, WorkspaceRole::Member, &name)
            .await;
        let groups = format!("/api/workspaces/{}/groups", self.workspace.id);
        let group = self.owner.post(&groups, json!({"name": name})).await.json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let invitation = match operation {
            "withdrawInvitation" => self.open_invitation().await,
            _ => String::new(),
        };
        let id = if path.starts_with("/api/workspaces") {
            self.workspace.id.to_string()
        } else {
            document
        };
        path.replace("{id}", &id)
            .replace("{person}", &person.to_string())
            .replace("{group}", &group)
            .replace("{invitation}", &invitation)
    }
}

fn body(operation: &str) -> Value {
    match operation {
        "createDocument" => json!({"kind": "account_plan", "title": "New"}),
        "setVisibility" => json!({"visibility": "workspace"}),
        "grantToPerson" | "grantToGroup" => json!({"role": "editor"}),
        "setMember" => json!({"role": "guest"}),
        "createWorkspace" | "createGroup" | "renameGroup" => json!({"name": uuid::Uuid::new_v4().to_string()}),
        "invite" => json!({"role": "viewer"}),
        "changePassword" => json!({"old": "correct horse", "new": "correct horses"}),
        _ => json!({}),
    }
}

/// A row that is missing, or one too many, fails as much as an answer that is not as the table says.
#[tokio::test]
async fn each_operation_refuses_whom_it_should() {
    let world = World::new().await;
    let description = world.server.stranger().get("/api/openapi.json").await.json();
    let rows = TABLE.lines().filter_map(|line| {
        let (name, answers) = line.trim().split_once(' ')?;
        Some((name, answers.replace(' ', "")))
    });
    let rows: Vec<(&str, String)> = rows.collect();
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            described.insert(name);
            if OPEN.contains(&name) {
                continue;
            }
            let row = rows.iter().find(|(row, _)| *row == name);
            let (_, expected) = row.unwrap_or_else(|| panic!("the table does not say who may {name}"));
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut answers = String::new();
            for (person, _) in &world.personas {
                let address = world.address(name, path).await;
                let answer = send(person.request(method.clone(), &address).json(&body(name))).await;
                answers.push(match answer.status.as_u16() {
                    200..300 => 'y',
                    401 => 'x',
                    403 => 'n',
                    404 => '-',
                    other => panic!("{name}: {other} {}", answer.text()),
                });
            }
            assert_eq!(&answers, expected, "{name}");
        }
    }
    let named: BTreeSet<&str> = rows.iter().map(|(name, _)| *name).chain(OPEN).collect();
    assert_eq!(named, described);
}
