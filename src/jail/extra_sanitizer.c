/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the address and undefined-behaviour sanitizers' run time needs to map its shadow
 * and to print a report. Never part of an ordinary build (src/jail/meson.build).
 * Leak checking traces the process at its end, which no role permits: it is off.
 */
#include "roles.h"

#include "postern/compiler.h"

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1";
}

const struct call calls_extra[] = {
	ANY("sigaltstack"), ANY("sched_yield"), ANY("gettid"), ANY("tgkill"), ANY("readlink"), ANY("readlinkat"), ANY("openat"), ANY("open"),
	ANY("prlimit64"), ANY("getrlimit"), ANY("ioctl"), ANY("uname"), ANY("sched_getaffinity"),
	ANY("newfstatat"), ANY("fstat"), ANY("lseek"), ANY("mremap"), ANY("rt_sigprocmask"),
};
const size_t n_calls_extra = ARRAY_LEN(calls_extra);
