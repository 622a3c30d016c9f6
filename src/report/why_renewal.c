/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about lifetimes and renewals (DETECTION-FACTS 4.3): whose
 * side, why, and what would prove it.
 */
#include "report/why.h"

const struct why_line why_renewal[] = {
	/* ---- lifetime_mismatch ---- */
	{ "lifetime_mismatch", "declared", WHY_HEAD, "lifetime_a_s",
	  "The phase 1 lifetimes differ: {initiator_a} says {lifetime_a_s}, "
	  "{initiator_b} says {lifetime_b_s}." },
	{ "lifetime_mismatch", "declared", WHY_HEAD, "offered_s",
	  "The phase 1 lifetimes differ: {initiator} offered {offered_s}, "
	  "{responder} answered {answered_s}, which was not offered." },
	{ "lifetime_mismatch", "declared", WHY_LOOK, NULL,
	  "Neither side is broken: it is a difference of configuration. "
	  "Decide which value is right and set it on both." },
	{ "lifetime_mismatch", "declared", WHY_FOR, NULL,
	  "Both values are read from unencrypted messages, so there is no doubt about them." },
	{ "lifetime_mismatch", "declared", WHY_AGAINST, NULL,
	  "If the setting was changed between the two messages, or several policies are configured "
	  "for this peer, both values can be right." },
	{ "lifetime_mismatch", "declared", WHY_CONFIRM, NULL,
	  "The phase 1 policies of the two boxes show these two values." },
	{ "lifetime_mismatch", "declared", WHY_REFUTE, NULL,
	  "The boxes show the same value: then it was changed in between." },
	{ "lifetime_mismatch", "inferred", WHY_HEAD, NULL,
	  "{ended_by} ends phase 2 at the age of {age_at_end_s}, {ends} times, "
	  "before {not ended_by} renews it: the lifetimes of the two do not fit." },
	{ "lifetime_mismatch", "inferred", WHY_LOOK, NULL,
	  "Compare the phase 2 lifetimes: that of {ended_by} is about {age_at_end_s}, "
	  "that of {not ended_by} is longer. Either is a legal value; the pair is wrong." },
	{ "lifetime_mismatch", "inferred", WHY_FOR, NULL,
	  "It is the same age each time, so it is a timer; traffic was flowing, "
	  "so it is no idle timer; phase 1 stayed, so it is no session timer." },
	{ "lifetime_mismatch", "inferred", WHY_FOR, "other_side_rekeys_at_s",
	  "{not ended_by} renews by itself only at {other_side_rekeys_at_s}: too late." },
	{ "lifetime_mismatch", "inferred", WHY_AGAINST, NULL,
	  "IKE never tells phase 2 lifetimes in clear: the value is inferred from the ages. "
	  "A side that is set not to renew at all looks alike." },
	{ "lifetime_mismatch", "inferred", WHY_CONFIRM, NULL,
	  "The phase 2 lifetime of {ended_by} is {age_at_end_s} in its configuration; "
	  "with a shorter one on {not ended_by} (by 1 to 5 minutes) the ends stop." },
	{ "lifetime_mismatch", "inferred", WHY_REFUTE, NULL,
	  "Both boxes have the same lifetime: then look why {not ended_by} does not renew "
	  "before it is over." },

	/* ---- lifetime_asymmetry ---- */
	{ "lifetime_asymmetry", NULL, WHY_HEAD, NULL,
	  "Only {rekeys} ever renews the {what} (at about {median_age_s}); "
	  "{never_rekeys} has a longer lifetime or is passive. Nothing is wrong with that." },
	{ "lifetime_asymmetry", NULL, WHY_LOOK, NULL, "No side needs to be looked at." },
	{ "lifetime_asymmetry", NULL, WHY_FOR, "rekeys_in_a_row",
	  "{rekeys_in_a_row} renewals in a row came from it." },
	{ "lifetime_asymmetry", NULL, WHY_CONFIRM, NULL,
	  "The lifetime configured on {rekeys} is the shorter one." },
	{ "lifetime_asymmetry", NULL, WHY_REFUTE, NULL, "{never_rekeys} starts a renewal." },

	/* ---- rekey_collision ---- */
	{ "rekey_collision", "rekey_rekey", WHY_HEAD, "what=IKE SA",
	  "Both sides renew the IKE SA at the same moment; each time one of the two new IKE SAs is "
	  "thrown away." },
	{ "rekey_collision", "rekey_rekey", WHY_HEAD, "at_equal_ages>1",
	  "Both sides renew phase 2 at the same moment, because their lifetimes are the same; "
	  "each time one of the two new SAs is thrown away." },
	{ "rekey_collision", "rekey_rekey", WHY_HEAD, NULL,
	  "Both sides renew phase 2 at the same moment; one of the two new SAs is thrown away." },
	{ "rekey_collision", "rekey_delete", WHY_HEAD, NULL,
	  "A renewal of phase 2 by one side and a Delete of the same SA by the other cross on the "
	  "way ({collisions} times): then the two can disagree about which keys are valid." },
	{ "rekey_collision", NULL, WHY_LOOK, "what=IKE SA",
	  "Neither side is at fault by itself. Make one of them earlier: "
	  "an IKE SA lifetime shorter by some minutes on the side that should renew." },
	{ "rekey_collision", NULL, WHY_LOOK, NULL,
	  "Neither side is at fault by itself. Make one of them earlier: "
	  "a phase 2 lifetime shorter by 60 to 300 s on the side that should renew." },
	{ "rekey_collision", NULL, WHY_FOR, "apart_ms",
	  "The latest two requests were {apart_ms} apart; it happened {collisions} times." },
	{ "rekey_collision", NULL, WHY_FOR, "at_equal_ages>1",
	  "Both sides act at the same age of the SA ({age_a_s} and {age_b_s}), "
	  "{at_equal_ages} times: that is not chance." },
	{ "rekey_collision", NULL, WHY_FOR, "then",
	  "Afterwards packets were sent on the SPI that one side had already deleted." },
	{ "rekey_collision", NULL, WHY_AGAINST, NULL,
	  "The protocol allows for crossing renewals (RFC 7296, 2.8.1); "
	  "a pair of boxes that both handle it well loses nothing." },
	{ "rekey_collision", NULL, WHY_AGAINST, "at_equal_ages=0",
	  "That the lifetimes are equal is the usual reason; the ages seen here do not show it." },
	{ "rekey_collision", NULL, WHY_CONFIRM, "what=IKE SA",
	  "Both boxes show the same IKE SA lifetime; with some minutes between them the "
	  "crossing stops." },
	{ "rekey_collision", NULL, WHY_CONFIRM, "!what",
	  "Both boxes show the same phase 2 lifetime; with 60 to 300 s between them the "
	  "crossing stops." },
	{ "rekey_collision", NULL, WHY_REFUTE, NULL,
	  "The lifetimes already differ by more than a minute: "
	  "then look at what else makes both act at once." },

	/* ---- simultaneous_delete ---- */
	{ "simultaneous_delete", NULL, WHY_HEAD, "times_with_harm>0",
	  "Both sides end the same SA at the same moment (seen {times} times), as happens when "
	  "their lifetimes are the same, and traffic is lost until a new one is in use." },
	{ "simultaneous_delete", NULL, WHY_HEAD, NULL,
	  "Both sides deleted an SA at the same moment. The protocol allows it, and no traffic "
	  "suffered." },
	{ "simultaneous_delete", NULL, WHY_LOOK, NULL,
	  "Neither side is at fault by itself. Make one of them earlier: a phase 2 lifetime "
	  "shorter by 60 to 300 s on the side that should renew." },
	{ "simultaneous_delete", NULL, WHY_FOR, "sa_age_s",
	  "The two Deletes were {apart_s} apart, when the SA was {sa_age_s} old." },
	{ "simultaneous_delete", NULL, WHY_FOR, "traffic_gap_s",
	  "After them nothing was sent for up to {traffic_gap_s}." },
	{ "simultaneous_delete", NULL, WHY_FOR, "went_on_sending",
	  "{went_on_sending} went on to send on the SPI that no longer existed, for at least "
	  "{on_the_dead_sa_s}." },
	{ "simultaneous_delete", NULL, WHY_AGAINST, "times_with_harm>0",
	  "The protocol allows for crossing Deletes (RFC 7296, 1.4.1); "
	  "boxes that make the new SA first lose nothing." },
	{ "simultaneous_delete", NULL, WHY_CONFIRM, NULL,
	  "Both boxes show the same phase 2 lifetime; with 60 to 300 s between them the "
	  "crossing stops." },
	{ "simultaneous_delete", NULL, WHY_REFUTE, NULL,
	  "The deletes were commanded by hand on both." },

	/* ---- rekey_failing ---- */
	{ "rekey_failing", "unanswered", WHY_HEAD, NULL,
	  "{asked_by} wants to renew the keys, but {asked} does not answer ({transmissions} "
	  "attempts): the tunnel will drop when the old keys expire." },
	{ "rekey_failing", "refused", WHY_HEAD, NULL,
	  "{asked_by} wants to renew the keys, but {asked} refuses ({refusals} times): "
	  "the tunnel will drop when the old keys expire." },
	{ "rekey_failing", "unanswered", WHY_LOOK, NULL, "Look at {asked} and at the path to it." },
	{ "rekey_failing", "refused", WHY_LOOK, NULL, "Look at the log of {asked} for the "
	  "reason of its refusal; then compare the phase 2 settings of both." },
	{ "rekey_failing", NULL, WHY_FOR, "sa_age_s",
	  "The SA was {sa_age_s} old when the attempts began." },
	{ "rekey_failing", "unanswered", WHY_AGAINST, NULL,
	  "Answers that go past this capture on another way look like silence." },
	{ "rekey_failing", "refused", WHY_AGAINST, NULL, "The reason is encrypted: "
	  "PFS group, ciphers, proxy IDs and \"busy, try later\" look the same." },
	{ "rekey_failing", NULL, WHY_CONFIRM, NULL,
	  "The log of {asked} shows the requests, and why it does not accept them." },
	{ "rekey_failing", NULL, WHY_REFUTE, NULL,
	  "A later attempt succeeds before the old keys expire." },

	/* ---- rekey_late ---- */
	{ "rekey_late", NULL, WHY_HEAD, NULL,
	  "The keys that {sender} uses (SPI {spi}) are {age_s} old and were not renewed." },
	{ "rekey_late", NULL, WHY_LOOK, NULL,
	  "Look at the phase 2 lifetimes of both sides: the shorter one should have acted." },
	{ "rekey_late", NULL, WHY_FOR, "usual_age_at_rekey_s",
	  "The SAs before it were renewed at {usual_age_at_rekey_s}." },
	{ "rekey_late", NULL, WHY_AGAINST, "birth_seen=no",
	  "Its beginning was not captured: the age is the least that it can be." },
	{ "rekey_late", NULL, WHY_CONFIRM, NULL,
	  "The box of {sender} shows a long or unlimited lifetime for this SA, or manual keys." },
	{ "rekey_late", NULL, WHY_REFUTE, NULL, "The lifetime was raised on purpose." },

	/* ---- expiry_gap ---- */
	{ "expiry_gap", NULL, WHY_HEAD, NULL,
	  "The keys run out before new ones are there: traffic stops for up to {gap_s} when an SA "
	  "is {sa_age_s} old." },
	{ "expiry_gap", NULL, WHY_LOOK, "rekeyer",
	  "Look at {rekeyer}, which starts the renewals: it begins too late, "
	  "or its renewal fails in the last seconds." },
	{ "expiry_gap", NULL, WHY_LOOK, "!rekeyer",
	  "Look at the phase 2 lifetimes and renewal margins of both sides: "
	  "nobody renews before the SA is over." },
	{ "expiry_gap", NULL, WHY_FOR, "new_exchange_in_the_gap=yes",
	  "The negotiation of the new SA was seen inside the gap: "
	  "it began only when the old one was gone." },
	{ "expiry_gap", NULL, WHY_FOR, "both_directions=yes", "Both directions stopped together." },
	{ "expiry_gap", NULL, WHY_AGAINST, NULL, "An application that pauses by itself at that "
	  "moment looks alike; it would hardly do so at each change of SAs." },
	{ "expiry_gap", NULL, WHY_CONFIRM, NULL, "With a longer margin (renewal some minutes "
	  "before the end) the pauses at the changes vanish." },
	{ "expiry_gap", NULL, WHY_REFUTE, NULL,
	  "Traffic pauses at other times just as well: then the application is the reason." },

	/* ---- volume_expiry ---- */
	{ "volume_expiry", NULL, WHY_HEAD, NULL,
	  "SAs end by volume, not by time: each after {bytes_per_sa} from {direction_from}, "
	  "at the present rate every {mean_age_s}." },
	{ "volume_expiry", NULL, WHY_LOOK, NULL,
	  "No side is broken. The volume limit (kilobytes) of one of them is small for this rate; "
	  "see which box has one." },
	{ "volume_expiry", NULL, WHY_FOR, NULL,
	  "{sas} SAs carried almost the same number of bytes, at different ages." },
	{ "volume_expiry", NULL, WHY_FOR, "known_limit",
	  "That number fits a known limit: {known_limit}." },
	{ "volume_expiry", NULL, WHY_AGAINST, NULL,
	  "With a constant rate equal times give equal volumes; here the ages differ." },
	{ "volume_expiry", NULL, WHY_CONFIRM, NULL,
	  "At twice the rate the SAs live half as long; a box shows a limit in kilobytes." },
	{ "volume_expiry", NULL, WHY_REFUTE, NULL,
	  "No box has a volume limit configured or by default." },

	/* ---- idle_expiry ---- */
	{ "idle_expiry", NULL, WHY_HEAD, NULL,
	  "{ended_by} closed the {what} because nothing was sent for {idle_for_s}. "
	  "That is meant so: the next packet has to wait for a new set-up." },
	{ "idle_expiry", NULL, WHY_LOOK, NULL, "Look at {ended_by} only if the delay of the "
	  "first packet matters: it has the idle timer." },
	{ "idle_expiry", NULL, WHY_FOR, NULL,
	  "No protected packet passed in either direction before the end." },
	{ "idle_expiry", NULL, WHY_CONFIRM, NULL,
	  "With a steady ping through the tunnel it stays up." },
	{ "idle_expiry", NULL, WHY_REFUTE, NULL, "It is closed at the same age with traffic." },
	{ NULL, NULL, WHY_HEAD, NULL, NULL },
};
