//! What the body of a session and the clock of its worker share.

use std::cell::RefCell;
use std::task::Waker;

pub struct Shared<S: ?Sized> {
    waker: RefCell<Option<Waker>>,
    pub session: RefCell<S>,
}

impl<S> Shared<S> {
    pub fn new(session: S) -> Self {
        Self {
            waker: RefCell::new(None),
            session: RefCell::new(session),
        }
    }
}

impl<S: ?Sized> Shared<S> {
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub fn wake_later(&self, by: &Waker) {
        match &mut *self.waker.borrow_mut() {
            Some(waker) => waker.clone_from(by),
            none => *none = Some(by.clone()),
        }
    }
}
