/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records: what sawatch gives to the outside world, one struct per kind of
 * object.  The tracker and the detectors write them, the store keeps them and
 * gives them back, the report prints them: they are the interface between the
 * core and its edges.  Records own nothing: strings and arrays are borrowed for
 * the duration of the call that passes them.
 *
 * "Not known" is never 0 or "": it is NSEC_NONE, RECORD_UNKNOWN (-1), NULL, or
 * an enum's UNKNOWN.
 */
#ifndef SAWATCH_RECORD_H
#define SAWATCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/addr.h>
#include <sawatch/nsec.h>

#define RECORD_UNKNOWN INT64_C(-1)

/*
 * Identity of an object: capture id << 32 | number within that capture.  The
 * same capture read again gives the same identities; that makes importing
 * idempotent.  0 is "none".  Numbers start at 1, per kind of object,
 * and are dense but for objects that left no row (track/restraint.c).
 */
typedef uint64_t object_id;

/* `number` from 1; `capture` as in record_capture. */
static inline object_id object_id_of(uint32_t capture, uint32_t number)
{
	return (object_id)capture << 32 | number;
}

/* Every list makes the enum and its text (the text is what SQL, JSON and the terminal show). */
#define GRADES(X) \
	X(UNKNOWN, "unknown") X(INFERRED, "inferred") X(DERIVED, "derived") \
	X(OBSERVED, "observed")
#define CONFIDENCES(X) X(LOW, "low") X(MEDIUM, "medium") X(HIGH, "high")
#define SEVERITIES(X) X(INFO, "info") X(WARNING, "warning") X(CRITICAL, "critical")
#define TUNNEL_STATES(X) \
	X(UNKNOWN, "unknown") X(UP, "up") X(DEGRADED, "degraded") X(DOWN, "down") \
	X(FLAPPING, "flapping")
/* as strongSwan names them */
#define IKE_STATES(X) \
	X(CREATED, "created") X(CONNECTING, "connecting") X(ESTABLISHED, "established") \
	X(REKEYING, "rekeying") X(REKEYED, "rekeyed") X(DELETING, "deleting") X(FAILED, "failed") \
	X(GONE, "gone")
#define CHILD_STATES(X) X(CREATED, "created") X(INSTALLED, "installed") X(REKEYING, "rekeying") \
	X(REKEYED, "rekeyed") X(DELETED, "deleted")
#define ORIGINS(X) X(OBSERVED, "observed") X(MIDSTREAM, "midstream") X(REKEY, "rekey")
#define END_REASONS(X) \
	X(NONE, NULL) X(REKEYED, "rekeyed") X(DELETED, "deleted") X(EXPIRED, "expired") \
	X(SUPERSEDED, "superseded") X(IDLE, "idle") X(PEER_LOST, "peer_lost") X(FAILED, "failed") \
	X(CAPTURE_END, "capture_end") X(UNKNOWN, "unknown")
#define ENCAPS(X) X(NONE, "none") X(UDP, "udp") X(TCP, "tcp")
#define PROTOCOLS(X) X(ESP, "esp") X(AH, "ah")
#define CREATED_HOWS(X) \
	X(UNKNOWN, "unknown") X(IKE_AUTH, "ike_auth") X(CREATE_CHILD_SA, "create_child_sa") \
	X(QUICK_MODE, "quick_mode")
#define OUTCOMES(X) X(PENDING, "pending") X(ANSWERED, "answered") X(FAILED, "failed") \
	X(UNANSWERED, "unanswered") X(SUPERSEDED, "superseded") \
	X(NOT_OBSERVABLE, "not_observable") X(ONE_WAY, "one_way")
#define PURPOSES(X) \
	X(UNKNOWN, "unknown") X(IKE_SA_INIT, "ike_sa_init") X(COOKIE, "cookie") \
	X(INVALID_KE, "invalid_ke") \
	X(IKE_AUTH, "ike_auth") X(EAP, "eap") X(INTERMEDIATE, "intermediate") \
	X(FOLLOWUP_KE, "followup_ke") \
	X(CREATE_CHILD, "create_child") X(REKEY_CHILD, "rekey_child") X(REKEY_IKE, "rekey_ike") \
	X(DPD, "dpd") X(DELETE_IKE, "delete_ike") X(DELETE_CHILD, "delete_child") \
	X(DELETE_UNKNOWN, "delete") \
	X(NOTIFY, "notify") X(MOBIKE, "mobike") X(CONFIG, "config") \
	X(MAIN_MODE_SA, "main_mode_sa") X(MAIN_MODE_KE, "main_mode_ke") \
	X(MAIN_MODE_AUTH, "main_mode_auth") \
	X(AGGRESSIVE, "aggressive") X(QUICK_MODE, "quick_mode") X(TRANSACTION, "transaction") \
	X(OTHER, "other")

#define SAWATCH_ENUM_GRADE(n, t) GRADE_##n,
#define SAWATCH_ENUM_CONFIDENCE(n, t) CONFIDENCE_##n,
#define SAWATCH_ENUM_SEVERITY(n, t) SEVERITY_##n,
#define SAWATCH_ENUM_TUNNEL(n, t) TUNNEL_##n,
#define SAWATCH_ENUM_IKE(n, t) IKE_##n,
#define SAWATCH_ENUM_CHILD(n, t) CHILD_##n,
#define SAWATCH_ENUM_ORIGIN(n, t) ORIGIN_##n,
#define SAWATCH_ENUM_END(n, t) END_##n,
#define SAWATCH_ENUM_ENCAP(n, t) ENCAP_##n,
#define SAWATCH_ENUM_PROTOCOL(n, t) PROTOCOL_##n,
#define SAWATCH_ENUM_CREATED(n, t) CREATED_##n,
#define SAWATCH_ENUM_OUTCOME(n, t) OUTCOME_##n,
#define SAWATCH_ENUM_PURPOSE(n, t) PURPOSE_##n,
/* Tables have millions of those that objects are made of. */
#define IN_A_BYTE __attribute__((packed))

enum IN_A_BYTE grade { GRADES(SAWATCH_ENUM_GRADE) };
enum confidence { CONFIDENCES(SAWATCH_ENUM_CONFIDENCE) };
enum severity { SEVERITIES(SAWATCH_ENUM_SEVERITY) };
enum IN_A_BYTE tunnel_state { TUNNEL_STATES(SAWATCH_ENUM_TUNNEL) };
enum IN_A_BYTE ike_state { IKE_STATES(SAWATCH_ENUM_IKE) };
enum IN_A_BYTE child_state { CHILD_STATES(SAWATCH_ENUM_CHILD) };
enum IN_A_BYTE origin { ORIGINS(SAWATCH_ENUM_ORIGIN) };
enum IN_A_BYTE end_reason { END_REASONS(SAWATCH_ENUM_END) };
enum encap { ENCAPS(SAWATCH_ENUM_ENCAP) };
enum esp_protocol { PROTOCOLS(SAWATCH_ENUM_PROTOCOL) };
enum IN_A_BYTE created_how { CREATED_HOWS(SAWATCH_ENUM_CREATED) };
enum IN_A_BYTE exchange_outcome { OUTCOMES(SAWATCH_ENUM_OUTCOME) };
enum IN_A_BYTE exchange_purpose { PURPOSES(SAWATCH_ENUM_PURPOSE) };

/* The text of an enum value, static; and back: -1 when no value has that text. */
const char *grade_text(enum grade v);
const char *confidence_text(enum confidence v);
const char *severity_text(enum severity v);
const char *tunnel_state_text(enum tunnel_state v);
const char *ike_state_text(enum ike_state v);
const char *child_state_text(enum child_state v);
const char *origin_text(enum origin v);
const char *end_reason_text(enum end_reason v);	/* NULL for END_NONE: still living */
const char *encap_text(enum encap v);
const char *esp_protocol_text(enum esp_protocol v);
const char *created_how_text(enum created_how v);
const char *exchange_outcome_text(enum exchange_outcome v);
const char *exchange_purpose_text(enum exchange_purpose v);
int severity_parse(const char *text);
int tunnel_state_parse(const char *text);
int grade_parse(const char *text);
int confidence_parse(const char *text);
int ike_state_parse(const char *text);
int child_state_parse(const char *text);
int origin_parse(const char *text);
int end_reason_parse(const char *text);		/* NULL gives END_NONE */
int encap_parse(const char *text);
int esp_protocol_parse(const char *text);
int created_how_parse(const char *text);
int exchange_outcome_parse(const char *text);
int exchange_purpose_parse(const char *text);

/* Tri-state answers: RECORD_UNKNOWN, 0, 1. */
typedef int8_t tristate;

/* A tunnel's name in JSON and SQL: "<lower><-><higher>", endpoints in endpoint_compare() order. */
enum { TUNNEL_TEXT_MAX = 2 * ENDPOINT_TEXT_MAX + 8 };
const char *tunnel_text(const struct endpoint peers[2], char ret[TUNNEL_TEXT_MAX]);

/* "<spi_i>:<spi_r>", 16 hex digits each; and one ESP SPI, 8 hex digits. */
enum { IKE_SPIS_TEXT_MAX = 34, SPI_TEXT_MAX = 9 };
const char *ike_spis_text(uint64_t spi_i, uint64_t spi_r, char ret[IKE_SPIS_TEXT_MAX]);
const char *spi_text(uint32_t spi, char ret[SPI_TEXT_MAX]);

/* One capture: a file, or one run on an interface. */
struct record_capture {
	/* given by the store (or the caller, from 1) before the first frame */
	uint32_t id;
	const char *name;	/* path as given, or interface */
	const char *kind;	/* "file" | "interface" */
	const char *link_type;	/* name of the first interface's, NULL none */
	const char *fingerprint;	/* hex, of the first bytes: the same capture has the same */
	int64_t size;		/* bytes of the file, RECORD_UNKNOWN for streams */
	nsec first, last;
	int64_t packets, bytes, ike_messages, esp_packets, ah_packets, keepalives, duplicates;
	int64_t malformed, cut, dropped, fragments;
	size_t n_warnings;
	const char *const *warnings;
	bool complete;		/* read to its end without damage */
};

struct record_tunnel {
	/* of this run; the store knows the tunnel by its peers and network */
	object_id id;
	struct endpoint peers[2];	/* endpoint_compare() order */
	uint32_t network;	/* VLAN/VNI that separates overlapping address plans; 0 none */
	enum tunnel_state state;
	nsec since;		/* of this state */
	nsec first, last;
	tristate behind_nat[2];
	int64_t ike_sas, child_sas, alerts;	/* so far, ended ones included */
	/* what could not be judged and why, for the report; the arrays run parallel */
	size_t n_unobservable;
	const char *const *unobservable;	/* whole sentences */
	/* its name in the inventory; NULL none.  The store fills it in, and takes none */
	const char *label;
};

struct record_offer {
	/*
	 * NULL absent; alternatives joined by "/".  The encryption of an offer bears the length of
	 * its key (AES_CBC_128); that of a suite does not, and is shown and queried with it.
	 */
	const char *encryption, *integrity, *prf, *group, *auth;
	int64_t key_bits;
	int64_t life_seconds, life_kilobytes;
};

struct record_ike_sa {
	object_id id, tunnel;
	uint64_t spi_i, spi_r;
	int version;		/* 1 or 2 */
	struct endpoint initiator, responder;
	enum ike_state state;
	enum origin origin;
	object_id parent;	/* IKE SA that this one rekeyed; 0 none or unknown */
	uint64_t parent_spi_i, parent_spi_r;	/* 0,0 none */
	nsec created, established, ended, last;
	enum end_reason end_reason;
	int ended_by;		/* 0 = the tunnel's peers[0], 1 = peers[1], -1 unknown */
	struct record_offer suite;	/* chosen; all NULL when not seen */
	size_t n_offered;
	const struct record_offer *offered;
	tristate nat_initiator, nat_responder;
	size_t n_vendor_ids;
	const char *const *vendor_ids;	/* names, or hex of unknown ones */
	uint64_t first_frame, last_frame;
	/* IKE messages of this SA, copies included, mirror duplicates not */
	int64_t messages;
	enum grade grade;
	const struct endpoint *peers;	/* the tunnel's two */
};

/*
 * Who began an IKE SA is not said in a header of IKEv1, and IKEv2 says it in each: of one whose
 * set-up was not seen `initiator` is only who spoke first.
 */
static inline bool record_initiator_known(const struct record_ike_sa *r)
{
	return r->version != 1 || r->origin != ORIGIN_MIDSTREAM;
}

struct record_esp_sa {
	object_id id, tunnel;
	enum esp_protocol protocol;
	uint32_t spi;
	struct endpoint src, dst;	/* ports 0 unless UDP or TCP */
	enum encap encap;
	uint32_t generation;	/* 1, 2, … when the same SPI was used again */
	nsec first, last;
	/* distinct packets and their IP lengths; further copies only count below */
	int64_t packets, bytes;
	int64_t seq_first, seq_last;	/* of the first packet; the highest */
	int64_t lost, late, duplicates;
	object_id predecessor, successor;	/* esp_sa ids in the same direction; 0 none known */
	uint32_t predecessor_spi, successor_spi;	/* 0 none */
	enum end_reason end_reason;
	int ended_by;
	uint64_t first_frame, last_frame;
	enum grade grade;	/* of predecessor/successor and end */
	const struct endpoint *peers;
};

struct record_child_sa {
	object_id id, tunnel, ike_sa;
	uint64_t ike_spi_i, ike_spi_r;	/* 0,0 unknown */
	object_id sas[2];	/* [0] peers[0]->peers[1], [1] the other way; 0 never seen */
	uint32_t spis[2];	/* 0 never seen */
	enum child_state state;
	nsec created;		/* answer of the creating exchange, or first packet */
	int created_by;		/* side that began the exchange; -1 unknown */
	enum created_how created_how;
	object_id predecessor;
	uint32_t predecessor_spis[2];
	nsec ended;
	enum end_reason end_reason;
	int ended_by;
	/* side whose exchange replaced this SA; -1 not rekeyed or unknown */
	int rekeyed_by;
	nsec rekey_at;		/* request time of that exchange */
	enum grade grade;
	const struct endpoint *peers;
};

struct record_exchange {
	object_id id, tunnel, ike_sa;
	uint64_t spi_i, spi_r;
	int version;
	uint8_t exchange;	/* exchange type number */
	const char *kind;	/* its name, or "EXCHANGE_<n>" */
	uint32_t message_id;
	int from;		/* side that asked */
	nsec request_at, response_at;
	int64_t requests, responses;	/* transmissions seen, first ones included */
	int64_t request_bytes, response_bytes;	/* IKE length; sum over fragments */
	int64_t rtt_ns;		/* first response - first request; RECORD_UNKNOWN */
	enum exchange_outcome outcome;
	enum exchange_purpose purpose;
	uint64_t request_frame, response_frame;	/* 0 not seen */
	enum grade grade;
	const struct endpoint *peers;
};

enum { RECORD_FRAMES_MAX = 16 };

struct record_event {
	uint32_t capture;
	uint32_t seq;		/* dense within the capture, from 1 */
	object_id tunnel;	/* 0: about the capture */
	nsec at;
	const char *kind;	/* "ike_sa_established", … (event.h) */
	const char *text;	/* a sentence */
	size_t n_frames;
	uint64_t frames[RECORD_FRAMES_MAX];
	const struct endpoint *peers;	/* NULL: about the capture */
};

/* One item of evidence: a name and a JSON scalar. */
struct record_evidence {
	const char *name;	/* lower_case, unit in the name */
	enum { EVIDENCE_INTEGER, EVIDENCE_REAL, EVIDENCE_TEXT } type;
	int64_t integer;
	double real;
	const char *text;
};

struct record_action {
	const char *vendor;	/* "any", "Cisco ASA", "FortiOS", … */
	/* one command or step; unverified commands end with " (unverified)" */
	const char *text;
};

struct record_alert {
	object_id id;		/* capture of its first packet, number */
	object_id tunnel;	/* 0: about the capture */
	const char *code;
	enum severity severity;
	enum confidence confidence;
	bool cleared;
	nsec first, last;	/* packet time of the first and latest evidence */
	nsec raised, cleared_at;	/* when it was raised; NSEC_NONE not cleared */
	int64_t count;
	const char *summary;	/* one sentence with the numbers in it */
	/* sub-kind or the code of the specific alert that explains it; NULL none */
	const char *cause;
	object_id incident;	/* the alert that this one is a symptom of; 0 stands alone */
	size_t n_evidence;
	const struct record_evidence *evidence;
	size_t n_frames;
	uint64_t frames[RECORD_FRAMES_MAX];
	size_t n_actions;
	const struct record_action *actions;
	const struct endpoint *peers;	/* NULL: about the capture */
};

/* Packets of one ESP SA within one minute. */
struct record_traffic {
	object_id esp_sa, tunnel;
	nsec bucket;		/* start of the minute */
	int64_t packets, bytes, lost;
};

/* Where records go; a NULL member drops that kind. */
struct record_sink {
	void *user;
	void (*capture)(void *user, const struct record_capture *r);
	void (*tunnel)(void *user, const struct record_tunnel *r);
	void (*ike_sa)(void *user, const struct record_ike_sa *r);
	void (*esp_sa)(void *user, const struct record_esp_sa *r);
	void (*child_sa)(void *user, const struct record_child_sa *r);
	void (*exchange)(void *user, const struct record_exchange *r);
	void (*event)(void *user, const struct record_event *r);
	void (*alert)(void *user, const struct record_alert *r);
	void (*traffic)(void *user, const struct record_traffic *r);
};

#endif
