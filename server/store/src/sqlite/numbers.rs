//! Roles, visibilities and states as numbers in a column.

use fieldbook_core::access::{Role, State, Visibility, WorkspaceRole};

use super::error::damaged;
use crate::StoreError;

/// What is stored as a number: its place among all of its kind, the least first.
pub(super) trait Numbered: Copy + PartialEq + 'static {
    const ALL: &'static [Self];
}

macro_rules! numbered {
    ($($type:ident),+) => {
        $(impl Numbered for $type {
            const ALL: &'static [Self] = $type::ALL;
        })+
    };
}
numbered!(Role, WorkspaceRole, Visibility, State);

pub(super) fn of<T: Numbered>(value: T) -> i64 {
    let place = T::ALL.iter().position(|each| *each == value);
    place.map_or(-1, |place| place as i64)
}

pub(super) fn parse<T: Numbered>(number: i64) -> Result<T, StoreError> {
    let place = usize::try_from(number).ok();
    place
        .and_then(|place| T::ALL.get(place).copied())
        .ok_or_else(|| damaged(format_args!("the number {number} of a role or state")))
}
