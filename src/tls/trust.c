/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nothing here is left to the library's configuration file, which is not read: versions, suites and checks are said.
 *
 * A resumed session proves that it is the peer of an earlier handshake, not that its certificate is still good. So sessions
 * live SESSION_MAX_MS from the last handshake with a certificate on, then there is a whole one again. A ticket of TLS 1.3 is used
 * once (RFC 8446 C.4).
 */
#include "trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 4
#define SESSION_MAX_MS 3600000
#define SUITES_12 "ECDHE+AESGCM:ECDHE+CHACHA20" /* those of TLS 1.3 are all good */

struct trust {
	SSL_CTX *context;
	uint64_t proven_ms; /* the last handshake with a certificate */
	unsigned int n_sessions;
	SSL_SESSION *sessions[SESSIONS_MAX];
	char name[256];
};

static void forget_sessions(struct trust *t)
{
	while (t->n_sessions)
		SSL_SESSION_free(t->sessions[--t->n_sessions]);
}

/* A new one came: the oldest gives way. Returns 1: the reference is ours. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct trust *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (t->n_sessions == SESSIONS_MAX) {
		SSL_SESSION_free(t->sessions[0]);
		memmove(t->sessions, t->sessions + 1, --t->n_sessions * sizeof(t->sessions[0]));
	}
	t->sessions[t->n_sessions++] = session;
	return 1;
}

static int add_authorities(X509_STORE *store, const char *ca)
{
	BIO *bio = BIO_new_mem_buf(ca, -1);
	unsigned int n = 0;
	X509 *cert;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the file is one */
	return n ? 0 : -EBADMSG;
}

static int set_up(struct trust *t, const char *ca)
{
	static const unsigned char alpn[] = {3, 'd', 'o', 't'};
	X509_VERIFY_PARAM *param;

	t->context = SSL_CTX_new(TLS_client_method());
	if (!t->context)
		return -ENOMEM;
	param = SSL_CTX_get0_param(t->context);
	SSL_CTX_set_app_data(t->context, t);
	SSL_CTX_set_security_level(t->context, 2);
	/* a server that closes without saying so: messages carry their length, so nothing cut is taken for whole */
	SSL_CTX_set_options(t->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* one record a call, so that an endless flow of records without data cannot hold us */
	SSL_CTX_clear_mode(t->context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(t->context, keep_session);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(t->context, SUITES_12) != 1 ||
		SSL_CTX_set_alpn_protos(t->context, alpn, sizeof(alpn)) != 0 || X509_VERIFY_PARAM_set1_host(param, t->name, 0) != 1)
		return -ENOMEM;
	return add_authorities(SSL_CTX_get_cert_store(t->context), ca);
}

int trust_new(const char *name, const char *ca, struct trust **ret_trust)
{
	struct trust *t;
	int rc;

	if (!name[0] || strlen(name) >= sizeof(t->name))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	memcpy(t->name, name, strlen(name));
	rc = set_up(t, ca);
	if (rc < 0)
		trust_free(t);
	else
		*ret_trust = t;
	return rc;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	forget_sessions(t);
	SSL_CTX_free(t->context);
	free(t);
}

static void resume(struct trust *t, SSL *ssl)
{
	SSL_SESSION *session = t->n_sessions ? t->sessions[t->n_sessions - 1] : NULL;

	if (!session || SSL_set_session(ssl, session) != 1)
		return;
	if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
		t->n_sessions--;
		SSL_SESSION_free(session);
	}
}

SSL *trust_session(struct trust *t, int fd, uint64_t now_ms)
{
	SSL *ssl = SSL_new(t->context);

	if (!ssl)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, t->name) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (now_ms - t->proven_ms >= SESSION_MAX_MS)
		forget_sessions(t);
	resume(t, ssl);
	SSL_set_connect_state(ssl);
	return ssl;
}

bool trust_proven(struct trust *t, SSL *ssl, uint64_t now_ms)
{
	/* the handshake has failed already where this does not hold; said twice, as all depends on it */
	if (SSL_get_verify_result(ssl) != X509_V_OK || !SSL_get0_peer_certificate(ssl))
		return false;
	if (!SSL_session_reused(ssl))
		t->proven_ms = now_ms;
	return true;
}

const char *trust_error(const SSL *ssl, int error)
{
	long verified = SSL_get_verify_result(ssl);
	unsigned long queued = ERR_peek_last_error();
	const char *text = queued ? ERR_reason_error_string(queued) : NULL;

	ERR_clear_error();
	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	if (text)
		return text;
	return error ? strerror(error) : "the connection was closed";
}
