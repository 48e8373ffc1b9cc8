"""The vocabulary of the twelve rules of the contract: ours, and the names that later parts will supply."""

from typing import Final

from app.rules.vocabulary import VOCABULARY, Name, Owner, ValueType


def _names(prefix: str, owner: Owner, kind: str, metrics: str, type_: ValueType = "number") -> list[Name]:
    ages = owner != "event" and prefix != "s"
    return [Name(f"{prefix}.{metric}", type_, owner, kind, metric, ages=ages) for metric in metrics.split()]


EXTENDED: Final = VOCABULARY.extended(
    [
        *_names("s", "session", "", "goal_gmv goal_share_now"),
        *_names("s", "session", "", "ads_on", "truth"),
        *_names("m", "session", "", "interaction_base_15m interaction_base_n interaction_rate_60s viewers_60s_ago"),
        *_names("m", "session", "", "viewers_peak_10m enter_per_min enter_base_10m same_addr_share_5m"),
        *_names("m", "session", "", "same_device_share_5m new_account_share_5m order_gap_cv_5m neg_60s"),
        *_names("m", "session", "", "neg_share_60s neg_base_15m"),
        *_names("m", "session", "", "neg_top_topic", "text"),
        *_names("i", "member", "sku", "on_air_min cart_rate_5m cart_rate_5m_hi"),
        *_names("i", "member", "ad_plan", "settled_spend_30m settled_gmv_30m running_min"),
        *_names("labels", "member", "ad_plan", "plan_name", "text"),
        *_names("i", "member", "waiting_buyer", "waited_s"),
        *_names("i", "member", "waiting_buyer", "open replied", "truth"),
    ]
)
