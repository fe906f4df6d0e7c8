//! Pull requests of tasks: of two decisions on the same one, the first is stored.

use vine_domain::{
    chat::OutboundKind,
    forge::{ChangeRequest, RequestState},
    ports::{SaveRequest, StoreError, Write, Written},
};

use crate::store::contract::{Bed, notice};

#[tokio::test]
async fn of_two_decisions_on_a_request_in_one_batch_the_first_is_stored() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    let decided = |state: RequestState| {
        let message = notice(task, OutboundKind::Notice);
        let id = message.id;
        let save = SaveRequest {
            request: ChangeRequest {
                state,
                ..ChangeRequest::of(task)
            },
            due: None,
            messages: vec![message],
        };
        (id, Write::Request(Box::new(save)))
    };
    let (first, merged) = decided(RequestState::Merged);
    let (second, closed) = decided(RequestState::Closed);
    let outcomes = bed.store.commit(&[merged, closed]).await.expect("stored");
    assert!(matches!(
        outcomes.as_slice(),
        [Ok(Written::Stored), Err(StoreError::Conflict)]
    ));
    let known = bed.store.request(task).await.expect("read").expect("there");
    assert_eq!(known.state, RequestState::Merged);
    let thread = bed.store.thread(task, 0, 100).await.expect("read");
    let said: Vec<_> = thread.iter().map(|message| message.id).collect();
    assert!(said.contains(&first), "{said:?}");
    assert!(!said.contains(&second), "it tells what is not so");
}
