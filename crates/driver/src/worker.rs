//! What a worker does: reads entries, begins structures, evaluates what their workflows ask for.

use crate::answers::hand_over;
use crate::batch::Batches;
use crate::error::with_causes;
use crate::queue::NextWork;
use crate::shared::{Event, Shared, WorkError, panic_message};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;

/// Works until the queue is closed.
pub(crate) fn work(shared: &Shared, batches: &mut Batches, events: &Sender<Event>) {
    while let Some(work) = shared.queue.next() {
        let result = catch_unwind(AssertUnwindSafe(|| match work {
            NextWork::Read(entries) => {
                shared.read(entries).map(|answers| Some(Event::Read(answers))).map_err(Into::into)
            }
            NextWork::Begin(assignment, first) => {
                shared.begin(assignment, first).map(|remark| remark.map(Event::Remark))
            }
            NextWork::Receive(answered) => {
                let remark = answered
                    .into_iter()
                    .try_fold(None, |remark: Option<String>, answered| Ok(hand_over(shared, answered)?.or(remark)));
                // Their next questions are for all workers.
                shared.queue.wake();
                remark.map(|remark| remark.map(Event::Remark))
            }
            NextWork::Evaluate { potential, waiting } => {
                batches.evaluate(shared, potential, *waiting).map(|remark| remark.map(Event::Remark))
            }
        }));
        let event = match result {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => Some(Event::Broken(with_causes(&error as &WorkError))),
            Err(panic) => Some(Event::Broken(format!("a worker panicked: {}", panic_message(panic.as_ref())))),
        };
        if let Some(event) = event {
            // Nobody listens any more once the rank is given up.
            let _ = events.send(event);
        }
        shared.queue.done();
    }
}
