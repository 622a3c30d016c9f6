/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE SAs and their exchanges, among the files of the tracker.  Private to src/track, which
 * includes tracker.h.
 */
#ifndef SAWATCH_TRACK_IKE_H
#define SAWATCH_TRACK_IKE_H

#include <sawatch/ike.h>
#include <sawatch/track.h>

struct arrival;

/* ike_sa.c */
uint32_t ike_sa_find(struct tracker *t, uint64_t spi_i, uint64_t spi_r);
uint32_t ike_sa_find_half_open(struct tracker *t, uint32_t tunnel, uint64_t spi_i);
uint32_t ike_sa_new(struct tracker *t, const struct arrival *a, uint64_t spi_i, uint64_t spi_r,
		    uint8_t major, int8_t initiator_side);
void ike_sa_answered(struct tracker *t, uint32_t ike_sa, uint64_t spi_r);
void ike_sa_established(struct tracker *t, uint32_t ike_sa, nsec at);
void ike_sa_seen(struct tracker *t, uint32_t ike_sa, const struct arrival *a, int8_t side);
void ike_sa_release(struct tracker *t, uint32_t ike_sa);
void ike_sa_revive(struct tracker *t, uint32_t ike_sa);
void ike_sa_exchanged(struct tracker *t, uint32_t ike_sa, const struct exchange *x);
enum { IKE_DELETE_SETTLES_S = 5 };	/* what certainly was a Delete is decided after this long */
void ike_sa_wake(struct tracker *t, uint32_t ike_sa, nsec at);
void ike_sa_hasten_deletes(struct tracker *t, uint32_t ike_sa, nsec now);
/* Another is up beside those of IKEv1 that may have been given up. */
void ike_sa_suspect_lost(struct tracker *t, uint32_t ike_sa, nsec now);
void ike_sa_index_add(struct tracker *t, uint32_t ike_sa);
/* one of both is 0 */
void ike_sa_make_room(struct tracker *t, uint32_t ike_sa, size_t transforms, size_t offers1);
bool ike_sa_is_error_answer(const struct ike_sa *sa, const struct ike_message *m);
/*
 * It is being set up, and goes on between the endpoints of another tunnel of the same addresses: it
 * is that one's.  Else false.
 */
bool ike_sa_join_tunnel(struct tracker *t, uint32_t ike_sa, uint32_t tunnel);
void ike_sa_emit(struct tracker *t, enum event_kind kind, uint32_t ike_sa, nsec at, int side,
		 uint32_t other);

/* ike_offer.c */
void ike_sa_clear_parts(struct tracker *t, uint32_t ike_sa, const struct arrival *a,
			const struct ike_message *m);

/* ike_rekey.c */
void ike_sa_rekeyed_from(struct tracker *t, uint32_t ike_sa, uint32_t message_id);
bool ike_sa_rekeys_crossed(const struct ike_sa *sa);
void ike_sa_collided(struct tracker *t, uint32_t old, uint32_t successor, nsec at);
void ike_sa_discard_rekey(struct tracker *t, struct ike_rekey *r);

/* ike_end.c */
bool ike_sa_follows_rekey(const struct tracker *t, uint32_t ike_sa, const struct exchange *x);
void ike_sa_end(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		enum grade grade);
bool ike_sa_end_redundant(struct tracker *t, uint32_t ike_sa, nsec at, int by);
void ike_sa_delete_seen(struct tracker *t, uint32_t ike_sa, nsec at, int by);
void ike_sa_login_failed(struct tracker *t, uint32_t ike_sa, const struct exchange *last, nsec at);
void ike_sa_due(struct tracker *t, uint32_t ike_sa, nsec now, bool last_call);
bool ike_sa_has_younger(const struct tracker *t, const struct ike_sa *sa, nsec at);

/* exchange.c */
enum transmission { TRANSMISSION_FIRST, TRANSMISSION_PART, TRANSMISSION_COPY };
struct exchange *exchange_begin(struct tracker *t, uint32_t ike_sa, int slot,
				const struct ike_message *m, nsec at, int from);
enum transmission exchange_request(struct tracker *t, struct exchange *x, const struct arrival *a,
const struct ike_message *m, uint64_t hash);
enum transmission exchange_response(struct tracker *t, struct exchange *x, const struct arrival *a,
const struct ike_message *m, uint64_t hash);
/* Its answer came before it, by no more than clocks of two taps may differ. */
bool exchange_answered_before(const struct tracker *t, const struct exchange *x);
void exchange_close(struct tracker *t, struct exchange *x, enum exchange_outcome outcome, nsec at);
nsec exchange_abandon_at(const struct tracker *t, const struct exchange *x);
/* An event about the exchange, of whom this message is. */
void exchange_emit(struct tracker *t, enum event_kind kind, const struct exchange *x,
		   const struct arrival *a);
void exchange_write(struct tracker *t, struct exchange *x);
/* a window above 1 may be why its answer is not here */
bool exchange_in_flight(const struct exchange *x, nsec at);
struct exchange *exchange_recall(struct tracker *t, uint32_t ike_sa, int slot,
				 const struct ike_message *m, uint64_t hash);
nsec exchange_settle_earlier(struct tracker *t, uint32_t ike_sa, nsec now, bool over);
bool exchange_is(const struct exchange *x, uint8_t type, uint32_t message_id);

/* ike2.c, ike1.c; arrival.c: whichever it is */
void ike2_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash);
void ike1_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash);
void ike_message(struct tracker *t, struct arrival *a, struct reader r);

#endif
