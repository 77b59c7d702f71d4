/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. */
#include "print.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static bool colours;
static char progress_line[80];
static volatile sig_atomic_t progress_shown;

static const char *const codes[] = {
	[COLOUR_NONE] = "", [COLOUR_GOOD] = "\033[32m", [COLOUR_BAD] = "\033[31m", [COLOUR_WARN] = "\033[33m",
	[COLOUR_DIM] = "\033[2m",
};

void print_init(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	colours = isatty(STDOUT_FILENO) && (!no || !*no) && term && strcmp(term, "dumb") != 0;
}

void print_safe(FILE *to, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p >= 0x20 && *p < 0x7f)
			fputc(*p, to);
		else
			fprintf(to, "\\%03u", *p);
	}
}

void print_column(const char *text, int width)
{
	int used = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		used += *p >= 0x20 && *p < 0x7f ? 1 : 4;
	print_safe(stdout, text);
	printf("%*s", used < width ? width - used + 1 : 1, "");
}

void print_word(enum print_colour colour, const char *text)
{
	if (colours)
		fputs(codes[colour], stdout);
	print_safe(stdout, text);
	if (colours && colour != COLOUR_NONE)
		fputs("\033[0m", stdout);
}

void print_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);

	for (const char *p = text; p && *p; p++) {
		if (*p == 0x7f) /* jansson takes DEL for printable */
			fputs("\\u007f", stdout);
		else
			fputc(*p, stdout);
	}
	fputc('\n', stdout);
	free(text);
}

const char *member_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

json_int_t member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void show_progress(int signo)
{
	static const char wheel[] = "|/-\\";
	static unsigned int turn;
	char mark[2] = {wheel[turn++ % 4], ' '};
	ssize_t n = write(STDERR_FILENO, "\r", 1);

	(void)signo;
	progress_shown = 1;
	n += write(STDERR_FILENO, mark, 2);
	n += write(STDERR_FILENO, progress_line, strlen(progress_line));
	(void)n; /* a terminal that is gone shows nothing */
}

void print_progress(const char *what)
{
	struct itimerval timer = {{0, 250000}, {0, 500000}};
	struct sigaction action = {.sa_handler = show_progress, .sa_flags = SA_RESTART};

	if (!isatty(STDERR_FILENO))
		return;
	if (what) {
		snprintf(progress_line, sizeof(progress_line), "%s ...", what);
		sigaction(SIGALRM, &action, NULL);
	} else {
		timer = (struct itimerval){0};
	}
	setitimer(ITIMER_REAL, &timer, NULL);
	if (!what && progress_shown)
		fprintf(stderr, "\r\033[K");
	progress_shown = 0;
}
