//! What a program may take for one record. Steps and bytes, not seconds: the same record has the same outcome
//! on a slow machine.

use std::cell::Cell;
use std::ops::ControlFlow;

use tikv_jemalloc_ctl::thread;
use vrl::compiler::runtime::ExecutionControl;
use vrl::compiler::{Context, ExpressionError};

/// Expressions that are evaluated, for any record and for each of its bytes.
const STEPS: u64 = 1_000_000;
const STEPS_FOR_EACH: u64 = 16;
/// A call of a function may go through the record: it counts as a step more for each so many bytes of it.
const BYTES_FOR_STEP: usize = 1 << 10;
/// Bytes that are allocated in all, also those given back.
const BYTES: u64 = 16 << 20;
const BYTES_FOR_EACH: u64 = 128;

thread_local! {
    /// What this thread has ever allocated. Nothing where another allocator serves.
    static ALLOCATED: Option<thread::ThreadLocal<u64>> = thread::allocatedp::read().ok();
    /// Of the program that runs now: the steps of a call, and the function that would give too much.
    static STEPS_OF_CALL: Cell<usize> = const { Cell::new(0) };
    static TOO_MUCH: Cell<Option<&'static str>> = const { Cell::new(None) };
}

#[derive(Debug)]
pub struct Budget {
    steps: u64,
    steps_left: u64,
    steps_of_call: usize,
    bytes: u64,
    bytes_left: u64,
    /// What the thread may have allocated in the end.
    bytes_until: u64,
}

impl Budget {
    pub fn of_record(record_bytes: usize) -> Self {
        let record = u64::try_from(record_bytes).unwrap_or(u64::MAX);
        let steps = STEPS.saturating_add(record.saturating_mul(STEPS_FOR_EACH));
        let bytes = BYTES.saturating_add(record.saturating_mul(BYTES_FOR_EACH));
        Self {
            steps,
            steps_left: steps,
            steps_of_call: record_bytes / BYTES_FOR_STEP,
            bytes,
            bytes_left: bytes,
            bytes_until: 0,
        }
    }

    /// Does what counts. What the mapping takes between two objects of a record does not.
    pub fn spend<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        STEPS_OF_CALL.set(self.steps_of_call);
        TOO_MUCH.set(None);
        self.bytes_until = allocated().saturating_add(self.bytes_left);
        let done = run(self);
        self.bytes_left = self.bytes_until.saturating_sub(allocated());
        done
    }

    /// Why the program was interrupted.
    pub fn exceeded(&self) -> String {
        match TOO_MUCH.get() {
            Some(name) => {
                format!("`{name}` was given too much, or would have given far more than it was given")
            }
            None if self.steps_left == 0 => format!("it took more than {} steps", self.steps),
            None => format!("it took more than {} bytes of memory", self.bytes),
        }
    }
}

impl ExecutionControl for Budget {
    fn checkpoint(&mut self) -> ControlFlow<()> {
        self.steps_left = self.steps_left.saturating_sub(1);
        match self.steps_left == 0 || allocated() > self.bytes_until {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Before a function is called.
pub fn charge_call(ctx: &mut Context<'_>) -> Result<(), ExpressionError> {
    (0..STEPS_OF_CALL.get()).try_for_each(|_| ctx.checkpoint())
}

/// Ends the run, because this function would give too much.
pub fn too_much(name: &'static str) -> ExpressionError {
    TOO_MUCH.set(Some(name));
    ExpressionError::Interrupted
}

fn allocated() -> u64 {
    ALLOCATED.with(|allocated| allocated.as_ref().map_or(0, |allocated| allocated.get()))
}
