//! The alias table of the portal. Aliases of public routes are public, the others are not.

use utoipa_axum::routes;

use super::Aliases;
use crate::portal::{
    auth, bank, common, coupon, coupon_logs, edit, home, home_rank, messages, player, player_list,
    profile, provider, provider_income, recovery, report, withdraw,
};

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
        .alias("/player/list", routes!(player_list::list))
        .alias("/player/{player_id}", routes!(player::detail))
        .alias("/player/{player_id}/daily", routes!(player::daily))
        .alias("/player/{player_id}/coupons", routes!(player::coupons))
        .alias("/home/summary", routes!(home::summary))
        .alias("/home/trend", routes!(home::trend))
        .alias("/home/promotion", routes!(home::promotion))
        .alias("/home/rank", routes!(home_rank::rank))
        .alias("/agent/agentStatistic", routes!(report::statistic))
        .alias(
            "/agent/agentStatisticDaily",
            routes!(report::statistic_daily),
        )
        .alias("/agent/statisticDaily", routes!(home::trend))
        .alias("/messages/list", routes!(messages::list))
        .alias("/messages/unread/count", routes!(messages::unread_count))
        .alias("/messages/read", routes!(messages::read))
        .alias("/messages/{id}", routes!(messages::detail))
        .alias("/messages/{id}/read", routes!(messages::read_one))
        .alias("/provider/list", routes!(provider::list))
        .alias("/provider/percentage", routes!(provider::percentage))
        .alias(
            "/provider/sub/percentage",
            routes!(provider::sub_percentage, provider::set_sub_percentage),
        )
        .alias("/provider/income", routes!(provider_income::income))
        .alias("/coupon/grant", routes!(coupon::grant))
        .alias("/coupon/recycle", routes!(coupon::recycle))
        .alias("/coupon/logs", routes!(coupon_logs::logs))
        .alias("/coupon/recycle/logs", routes!(coupon_logs::recycle_logs))
        .alias(
            "/common/agent_min_withdrawal_limit",
            routes!(common::agent_min_withdrawal_limit),
        )
}
