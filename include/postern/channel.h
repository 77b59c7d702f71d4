/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a SOCK_SEQPACKET pair between two roles.
 * folder: src/ipc
 *
 * Sending never blocks: -EAGAIN says that the other side does not keep up, and each caller has
 * decided what that means (an event is counted as lost, a pin request fails). Receiving checks
 * the message against the table of message.c; -EPROTO and -EPIPE mean: stop the daemon.
 */
#ifndef POSTERN_CHANNEL_H
#define POSTERN_CHANNEL_H

#include <stddef.h>

#include "postern/message.h"

#define CHANNEL_FDS_MAX 2
#define CHANNEL_DATAGRAM_MAX 32768 /* bytes of the messages that travel together */
#define CHANNEL_FD 3 /* the fd number on which a child finds its channel to the gate */

struct channel {
	int fd;
	bool has_bell; /* the other side is woken by an eventfd(2), the channel's own; else by what arrives */
	int bell;
	enum role self, peer;
	uint8_t *box; /* what came together: the bytes from at to len are still to be handed out */
	uint32_t at, len;
};

union message_buffer {
	struct message_header h;
	uint8_t bytes[MESSAGE_SIZE_MAX];
	uint64_t align;
};

/* A connected pair, close-on-exec, non-blocking; 0 or -errno. Both fds belong to the caller. */
POSTERN_MUST_CHECK int channel_pair(int ret_fds[static 2]);
void channel_init(struct channel *c, int fd, enum role self, enum role peer);
void channel_fini(struct channel *c);

/*
 * Fills type and size, keeps h.seq, sends with @n_fds descriptors (which stay the caller's).
 * 0, -EAGAIN, -EPIPE, or -errno. @message points to the full struct of @type.
 */
POSTERN_MUST_CHECK int channel_send(struct channel *c, enum message_type type, void *message, const int *fds,
	unsigned int n_fds);
/*
 * Sends @n messages of a type that carries no descriptors, which stand one behind the other, as many in one datagram as it holds:
 * the other side wakes up once for all of them. Returns how many the channel took, the first ones; the rest is the caller's to answer for.
 */
POSTERN_MUST_CHECK unsigned int channel_send_many(struct channel *c, enum message_type type, void *messages, unsigned int n);
/*
 * The same, and the bell is not rung: the other side finds them whenever it looks. For what it needs to know
 * before something else, and for nothing by itself.
 */
POSTERN_MUST_CHECK unsigned int channel_leave_many(struct channel *c, enum message_type type, void *messages, unsigned int n);
void channel_ring(struct channel *c);
/*
 * Receives one checked message, of several that came together the next. Returns 1, 0 where there is none now, -EPIPE at the end,
 * -EPROTO where it is not allowed. Received fds (close-on-exec) become the caller's;
 * unused entries are -1.
 */
POSTERN_MUST_CHECK int channel_recv(struct channel *c, union message_buffer *ret_message,
	int ret_fds[static CHANNEL_FDS_MAX]);

/*
 * Messages are here that no event of the descriptor will tell of. Who stops before channel_recv() said 0 has to come back.
 */
bool channel_waiting(const struct channel *c);

/*
 * Events to the audit process, counting what could not be sent; the count travels with the next one.
 */
struct event_sink {
	struct channel channel;
	uint32_t lost;
};

void event_send(struct event_sink *sink, const struct event *e);
/* The same for several: @messages hold the events, the rest is filled here. */
void event_send_many(struct event_sink *sink, struct msg_event *messages, unsigned int n);
/* Where the sender can keep an event and try again: -EAGAIN, and nothing is lost, while the channel is full. */
POSTERN_MUST_CHECK int event_try(struct event_sink *sink, const struct event *e);

#endif
