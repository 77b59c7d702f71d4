/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom an upstream has to prove to be, and the sessions that it gave us: OpenSSL's side of one upstream. The strict profile of
 * RFC 8310: TLS 1.2 or later, a certificate that leads to the given authorities and carries the given name, or nothing.
 */
#ifndef TLS_TRUST_H
#define TLS_TRUST_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/compiler.h"

struct trust;

/*
 * @name: what the certificate has to carry; @ca: certificates in PEM. -EBADMSG where @ca holds none that can be read, -ENOMEM.
 */
POSTERN_MUST_CHECK int trust_new(const char *name, const char *ca, struct trust **ret_trust);
void trust_free(struct trust *t); /* NULL is fine */
/* A client's side of a connection on @fd, to resume a session if there is a fresh one. NULL without memory. */
SSL *trust_session(struct trust *t, int fd, uint64_t now_ms);
/* The handshake is done: was it proven who it is, now or in the session that it resumes? */
bool trust_proven(struct trust *t, SSL *ssl, uint64_t now_ms);
/* Why the last call on @ssl failed, in words; @error is errno then. Clears OpenSSL's queue of errors. */
const char *trust_error(const SSL *ssl, int error);

#endif
