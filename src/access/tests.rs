//! Keys over a real Postgres, with two nodes.

use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::data::{Code, Operation, Problem};
use crate::store::testing::Database;

const ROLES: &str = r#"
[roles.admin]
operations = ["admin"]
[roles.reader]
operations = ["read"]
read = ['m*{site="a"}']
[roles.tenant]
operations = ["read"]
read = ['m{tenant="{{ claims.tenant }}"}']
"#;

struct World {
    db: Database,
    here: Access,
    elsewhere: Access,
    admin: Arc<Principal>,
}

fn config(text: &str) -> AuthConfig {
    toml::from_str(text).unwrap()
}

impl World {
    async fn new() -> Self {
        let db = Database::create().await;
        let node = || {
            let access = Access::controlled(&config(ROLES), db.url.clone()).unwrap();
            tokio::spawn(access.clone().follow(Arc::default()));
            access
        };
        let (here, elsewhere) = (node(), node());
        for node in [&here, &elsewhere] {
            // That it knows something, and that this is fresh.
            node.changes().wait_for(|count| *count == 2).await.unwrap();
        }
        let roles = Roles::of(&config(ROLES)).unwrap();
        let admin = keys::changes::create(&db.url, &roles, &wanted("boss", "admin"), "operator").await;
        let admin = Credential::of(admin.unwrap().1.text());
        let admin = within_a_second(async || here.authenticate(Some(&admin)).await.ok()).await;
        Self {
            db,
            here,
            elsewhere,
            admin,
        }
    }

    async fn create(&self, name: &str, role: &str) -> (StoredKey, Credential) {
        let wanted = wanted(name, role);
        let (stored, key) = self.here.create_key(&wanted, &self.admin).await.unwrap();
        (stored, Credential::of(key.text()))
    }
}

fn wanted(name: &str, role: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        role: role.to_owned(),
        expires: None,
    }
}

async fn within_a_second<T>(what: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = what().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Twice, for loaded machines.
    tokio::time::timeout(Duration::from_secs(2), asking)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_key_lets_its_holder_in_with_its_role_and_nobody_else() {
    let world = World::new().await;
    let (stored, key) = world.create("grafana", "reader").await;
    let principal = world.here.authenticate(Some(&key)).await.unwrap();
    assert_eq!(&**principal.viewer.subject(), &format!("key:{}", stored.id));
    assert_eq!((&*principal.name, &*principal.role), ("grafana", "reader"));
    assert!(principal.viewer.may(Operation::Read).is_ok());
    assert!(principal.viewer.may(Operation::Publish).is_err());
    let Credential::Key(text) = &key else {
        unreachable!()
    };
    let last = if text.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &text[..text.len() - 1]);
    let unknown = ApiKey::random().unwrap();
    for refused in [
        wrong.as_str(),
        unknown.text(),
        "ss_a_b",
        "a.b.c",
        &text.replace("ss_", ""),
        &text.to_uppercase(),
    ] {
        let refused = world.here.authenticate(Some(&Credential::of(refused))).await;
        assert_eq!(refused.unwrap_err(), Denied::Invalid);
    }
    assert_eq!(world.here.authenticate(None).await.unwrap_err(), Denied::Missing);
}

#[tokio::test]
async fn a_change_holds_on_every_node_within_a_second_for_who_is_there_too() {
    let world = World::new().await;
    let (stored, key) = world.create("one", "reader").await;
    let there = within_a_second(async || world.elsewhere.authenticate(Some(&key)).await.ok()).await;
    let mut changes = world.elsewhere.changes();
    changes.mark_unchanged();
    let (_, new) = world.here.rotate_key(&stored.id, &world.admin).await.unwrap();
    assert_eq!(
        world.here.authenticate(Some(&key)).await.unwrap_err(),
        Denied::Invalid
    );
    let let_out = async {
        loop {
            changes.changed().await.unwrap();
            if let Err(denied) = world.elsewhere.renew(&there) {
                return denied;
            }
        }
    };
    let denied = tokio::time::timeout(Duration::from_secs(2), let_out).await;
    assert_eq!(denied.unwrap(), Denied::Invalid);
    let new = Credential::of(new.text());
    let there = world.elsewhere.authenticate(Some(&new)).await.unwrap();
    world.here.revoke_key(&stored.id, &world.admin).await.unwrap();
    within_a_second(async || world.elsewhere.renew(&there).err()).await;
    assert_eq!(
        world.elsewhere.authenticate(Some(&new)).await.unwrap_err(),
        Denied::Invalid
    );
    assert!(matches!(
        world.here.rotate_key(&stored.id, &world.admin).await,
        Err(KeyError::Unknown)
    ));
}

#[tokio::test]
async fn roles_that_change_change_who_is_there_and_bad_ones_change_nothing() {
    let world = World::new().await;
    let (_, key) = world.create("one", "reader").await;
    let before = world.here.authenticate(Some(&key)).await.unwrap();
    let mut changes = world.here.changes();
    assert!(world.here.reload(&config("[roles.reader]")).is_err());
    assert!(!changes.has_changed().unwrap());
    let other = ROLES.replace(
        "[\"read\"]\nread = ['m*{site=\"a\"}']",
        "[\"publish\"]\nwrite = ['m']",
    );
    world.here.reload(&config(&other)).unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let after = world.here.renew(&before).unwrap();
    assert!(after.viewer.may(Operation::Read).is_err() && after.viewer.may(Operation::Publish).is_ok());
    assert_eq!(after.viewer.subject(), before.viewer.subject());
    world
        .here
        .reload(&config(
            "anonymous = \"a\"\n[roles.a]\noperations = [\"operate\"]",
        ))
        .unwrap();
    assert_eq!(world.here.renew(&before).unwrap_err(), Denied::Invalid);
    let anonymous = world.here.authenticate(None).await.unwrap();
    assert_eq!(
        (&**anonymous.viewer.subject(), &*anonymous.role),
        ("anonymous", "a")
    );
    world.here.reload(&config("")).unwrap();
    assert_eq!(world.here.renew(&anonymous).unwrap_err(), Denied::Missing);
}

#[tokio::test]
async fn a_key_has_a_name_of_its_own_and_a_role_that_a_key_can_have() {
    let world = World::new().await;
    world.create("one", "reader").await;
    for (name, role, expires, why) in [
        ("one", "reader", None, "another key has this name"),
        ("", "reader", None, "a name has 1 to 100"),
        ("a\nb", "reader", None, "a name has 1 to 100"),
        ("two", "nobody", None, "there is no role 'nobody'"),
        ("two", "tenant", None, "role 'tenant' needs claims"),
        ("two", "reader", Some(Micros(0)), "the expiry is in the past"),
        ("two", "reader", Some(Micros::LAST), ""),
    ] {
        // Long enough from now to be made on a loaded machine.
        let soon = Micros::now().plus(Duration::from_millis(900));
        let expires = expires.map(|at| if at == Micros::LAST { soon } else { at });
        let wanted = Wanted {
            expires,
            ..wanted(name, role)
        };
        match world.here.create_key(&wanted, &world.admin).await {
            Err(error) => assert!(error.to_string().starts_with(why) && !why.is_empty(), "{error}"),
            Ok((_, key)) => {
                assert_eq!(why, "");
                let key = Credential::of(key.text());
                within_a_second(async || world.here.authenticate(Some(&key)).await.err()).await;
            }
        }
    }
    assert_eq!(world.here.keys(&world.admin).await.unwrap().len(), 3);
    assert!(matches!(
        Access::open().keys(&world.admin).await,
        Err(KeyError::Open)
    ));
}

#[tokio::test]
async fn what_was_changed_by_hand_is_heard_with_the_next_epoch() {
    let world = World::new().await;
    let (_, key) = world.create("one", "reader").await;
    let there = world.here.authenticate(Some(&key)).await.unwrap();
    world
        .db
        .run("delete from api_keys; update auth_epoch set epoch = epoch + 1")
        .await;
    within_a_second(async || world.here.renew(&there).err()).await;
}

#[tokio::test]
async fn signing_out_ends_a_session_that_the_node_has_not_heard_of_yet() {
    let world = World::new().await;
    let (key, _) = world.create("one", "reader").await;
    let session = SessionId::random().unwrap();
    let hash: String = session.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    // As a sign-in on another node, of which no notice has arrived.
    world
        .db
        .run(&format!(
            "with next as (update auth_epoch set epoch = epoch + 1, sessions = sessions + 1 returning epoch)
             insert into sessions (hash, subject, key_id, key_version, expires, epoch)
             select '\\x{hash}', 'key:{id}', '{id}', 1, now() + interval '1 h', epoch from next",
            id = key.id
        ))
        .await;
    let out = world.elsewhere.sign_out(&session).await.unwrap();
    assert_eq!(&*out.unwrap().name, "one");
    let left = "select count(*) from sessions where expires > now()";
    assert_eq!(world.db.rows(left).await, ["0"]);
    assert!(world.elsewhere.sign_out(&session).await.unwrap().is_none());
    let cookie = Credential::Session(session.text());
    for node in [&world.here, &world.elsewhere] {
        within_a_second(async || node.authenticate(Some(&cookie)).await.err()).await;
    }
    let never = SessionId::random().unwrap();
    assert!(world.here.sign_out(&never).await.unwrap().is_none());
}

#[tokio::test]
async fn who_signs_in_again_and_again_waits_and_others_do_not() {
    let world = World::new().await;
    let address = ClientKey::UNKNOWN;
    let (_, eager) = world.create("eager", "reader").await;
    let (_, other) = world.create("other", "reader").await;
    for _ in 0..10 {
        world.here.sign_in(address, &eager).await.unwrap();
    }
    let refused = async {
        loop {
            if let Err(denied) = world.here.sign_in(address, &eager).await {
                return denied;
            }
        }
    };
    let Denied::OverLimit(over) = refused.await else {
        panic!("it is no limit");
    };
    assert_eq!(over.limit.as_str(), "sign_ins");
    world.here.sign_in(address, &other).await.unwrap();
    // Whoever is signed in, or asks with the key itself, goes on.
    world.here.admit(address, Some(&eager)).await.unwrap();
}

#[tokio::test]
async fn a_valid_credential_does_not_wait_for_those_that_failed_at_its_address() {
    let world = World::new().await;
    let address = ClientKey::UNKNOWN;
    let (_, key) = world.create("one", "reader").await;
    let mut told = Vec::new();
    for n in 0..500 {
        let wrong = match n % 2 {
            0 => Credential::of(ApiKey::random().unwrap().text()),
            _ => Credential::Session(SessionId::random().unwrap().text()),
        };
        told.push(world.here.admit(address, Some(&wrong)).await.unwrap_err());
    }
    assert_eq!(told[..5], [Denied::Invalid; 5]);
    assert_eq!(told[5], Denied::TooMany(1));
    assert_eq!(told[499], Denied::TooMany(60));
    world.here.admit(address, Some(&key)).await.unwrap();
    world.here.sign_in(address, &key).await.unwrap();
}

#[tokio::test]
async fn whoever_is_let_out_while_a_change_of_keys_waits_does_not_make_it() {
    let world = World::new().await;
    let control = world.here.0.control.as_ref().unwrap();
    let other = world.create("other", "admin").await.1;
    let other = world.here.authenticate(Some(&other)).await.unwrap();
    let turn = control.changing.acquire().await.unwrap();
    let wanted = wanted("late", "admin");
    let mut revoked = Box::pin(world.here.create_key(&wanted, &world.admin));
    let mut narrowed = Box::pin(world.here.create_key(&wanted, &other));
    assert!(revoked.as_mut().now_or_never().is_none() && narrowed.as_mut().now_or_never().is_none());
    let Identity::Key { id, .. } = &world.admin.identity else {
        unreachable!()
    };
    keys::changes::revoke(&world.db.url, id).await.unwrap();
    within_a_second(async || world.here.renew(&world.admin).err()).await;
    let narrower = ROLES.replace("[\"admin\"]", "[\"operate\"]");
    world.here.reload(&config(&narrower)).unwrap();
    drop(turn);
    for (change, code) in [(revoked, Code::Unauthenticated), (narrowed, Code::Forbidden)] {
        assert_eq!(Problem::from(change.await.unwrap_err()).code, code);
    }
    assert!(
        keys::changes::list(&world.db.url)
            .await
            .unwrap()
            .iter()
            .all(|key| key.name != "late")
    );
}

/// An authority that is never removed.
struct Trusted;

impl credential::Authority for Trusted {
    fn is_trusted(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn who_has_expired_is_out_for_new_requests_and_told_of_changes_until_its_grace_ends() {
    let world = World::new().await;
    let shown = Certificate::new("sensor", Micros(1), Arc::new(Trusted)).unwrap();
    let roles = |operations: &str| {
        format!("certificates = {{ role = \"a\" }}\n[roles.a]\noperations = [{operations}]\nread = [\"m\"]")
    };
    world
        .here
        .reload(&config(&roles(r#""read", "operate""#)))
        .unwrap();
    let shows = Credential::Certificate(shown.clone());
    assert_eq!(
        world.here.authenticate(Some(&shows)).await.unwrap_err(),
        Denied::Expired
    );
    let before = world
        .here
        .0
        .control
        .as_ref()
        .unwrap()
        .of_certificate(&shown)
        .unwrap();
    assert_eq!(world.here.renew(&before).unwrap_err(), Denied::Expired);
    let may_operate = || {
        let now = world.here.readmit(&before).unwrap();
        now.viewer.may(Operation::Operate).is_ok()
    };
    assert!(may_operate());
    world.here.reload(&config(&roles(r#""read""#))).unwrap();
    assert!(!may_operate());
    world
        .here
        .reload(&config("[roles.a]\noperations = [\"operate\"]"))
        .unwrap();
    assert_eq!(world.here.readmit(&before).unwrap_err(), Denied::Missing);
}
