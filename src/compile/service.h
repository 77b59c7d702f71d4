/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern-policy as a child of posternd: answers on the channel until it ends. */
#ifndef POSTERN_COMPILE_SERVICE_H
#define POSTERN_COMPILE_SERVICE_H

/* Serves CHANNEL_FD; returns the exit status of the process. */
int service_run(const char *config);

#endif
