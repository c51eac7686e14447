//! Revocations: kept, repeated, read on from any place, with their audit row in the same transaction.

use super::*;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;

fn audit_row(detail: &str) -> AuditEntry {
    AuditEntry {
        at: T0,
        actor: "admin:root".into(),
        act: "revoke".into(),
        order_id: None,
        driver_id: None,
        detail: Some(detail.to_owned()),
    }
}

async fn save(store: &Store, what: &Revoked, at: Millis) -> Revocation {
    let revocation = Revocation { what: what.clone(), at };
    store.revocations.revocation_save(revocation, audit_row("again")).await.unwrap()
}

/// What is stored of these, with their cursors, in the order of cursors.
async fn stored(store: &Store, of: &[&Revoked]) -> Vec<(i64, Revocation)> {
    let all = store.revocations.revocations_after(0, usize::MAX).await.unwrap();
    assert!(all.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
    let mine = all.into_iter().filter(|row| of.contains(&&row.revocation.what));
    mine.map(|row| (row.cursor, row.revocation)).collect()
}

pub async fn a_revocation_comes_back_as_it_was_stored(store: &Store) {
    let name = clock::fresh_id();
    // One name may stand for a subject and for a token.
    let (subject, jti) = (Revoked::Subject(name.clone()), Revoked::Jti(name));
    let odd = Revoked::Jti(format!("'); DROP TABLE revocations; -- {} é\n", clock::fresh_id()));
    for (what, at) in [(&subject, T0), (&jti, T0 + 1), (&odd, T0 + 2)] {
        assert_eq!(save(store, what, at).await, Revocation { what: what.clone(), at });
    }
    let found: Vec<Revocation> =
        stored(store, &[&subject, &jti, &odd]).await.into_iter().map(|(_, revocation)| revocation).collect();
    let expected = [(&subject, T0), (&jti, T0 + 1), (&odd, T0 + 2)];
    assert_eq!(found, expected.map(|(what, at)| Revocation { what: what.clone(), at }));
}

pub async fn a_repeated_revocation_moves_to_the_newer_moment_and_is_read_again(store: &Store) {
    let subject = Revoked::Subject(clock::fresh_id());
    assert_eq!(save(store, &subject, T0 + 5).await.at, T0 + 5);
    let (first, _) = stored(store, &[&subject]).await[0];
    assert_eq!(save(store, &subject, T0 + 9).await.at, T0 + 9);
    assert_eq!(save(store, &subject, T0).await.at, T0 + 9, "an older moment changes nothing");
    let after = store.revocations.revocations_after(first, usize::MAX).await.unwrap();
    let again: Vec<Millis> =
        after.iter().filter(|row| row.revocation.what == subject).map(|row| row.revocation.at).collect();
    assert_eq!(again, [T0 + 9], "once, above where it was read before");
    assert_eq!(stored(store, &[&subject]).await.len(), 1);
}

pub async fn revocations_are_read_on_page_by_page(store: &Store) {
    let saved: Vec<Revoked> = (0..5).map(|_| Revoked::Jti(clock::fresh_id())).collect();
    for what in &saved {
        save(store, what, T0).await;
    }
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = store.revocations.revocations_after(after, 2).await.unwrap();
        assert!(page.len() <= 2 && page.iter().all(|row| row.cursor > after));
        let Some(last) = page.last() else { break };
        after = last.cursor;
        seen.extend(page.into_iter().map(|row| row.revocation.what));
    }
    seen.retain(|what| saved.contains(what));
    assert_eq!(seen, saved);
}

pub async fn a_revocation_leaves_an_audit_row(store: &Store) {
    let detail = clock::fresh_id();
    let revocation = Revocation { what: Revoked::Subject(clock::fresh_id()), at: T0 };
    store.revocations.revocation_save(revocation, audit_row(&detail)).await.unwrap();
    let rows = store.feed.audit_after(0, usize::MAX).await.unwrap();
    let mine: Vec<_> = rows.into_iter().filter(|row| row.entry.detail.as_ref() == Some(&detail)).collect();
    assert_eq!(mine.iter().map(|row| &row.entry).collect::<Vec<_>>(), [&audit_row(&detail)]);
}
