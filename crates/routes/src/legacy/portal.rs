//! The alias table of the portal. Aliases of public routes are public, the others are not.

use utoipa_axum::routes;

use super::Aliases;
use crate::portal::{auth, bank, common, edit, profile, recovery, withdraw};

/// Old paths whose routes need no session.
pub(crate) fn public() -> Aliases {
    Aliases::default()
        .alias("/user/login", routes!(auth::login))
        .alias("/user/refresh_token", routes!(auth::refresh_token))
        .alias("/user/forget", routes!(recovery::forget))
        .alias("/user/forget/send-sms", routes!(recovery::forget_send_sms))
}

/// Old paths behind the sign-in.
pub(crate) fn signed_in() -> Aliases {
    Aliases::default()
        .alias("/user/info", routes!(profile::info))
        .alias("/user/top_info", routes!(profile::top_info))
        .alias("/user/edit/password", routes!(auth::edit_password))
        .alias("/user/edit/phone/send-sms", routes!(edit::phone_send_sms))
        .alias("/user/edit/phone", routes!(edit::phone))
        .alias("/user/edit/bank/send-sms", routes!(edit::bank_send_sms))
        .alias("/user/edit/bank", routes!(edit::bank))
        .alias("/withdraw/init", routes!(withdraw::init))
        .alias("/withdraw/add", routes!(withdraw::add))
        .alias("/withdraw/list", routes!(withdraw::list))
        .alias("/withdraw/{withdraw_no}", routes!(withdraw::detail))
        .alias("/withdraw/{withdraw_no}/cancel", routes!(withdraw::cancel))
        .alias("/bank/list", routes!(bank::list))
        .alias(
            "/common/agent_min_withdrawal_limit",
            routes!(common::agent_min_withdrawal_limit),
        )
}
