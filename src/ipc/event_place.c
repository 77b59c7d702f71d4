/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apart from event.c, so that a process without an image (control, the tests of the log) does not link one. */
#include "postern/event.h"

void event_set_place(struct event *e, const struct image *im, const struct image_place *place)
{
	event_set_text(e->rule, sizeof(e->rule), image_string(im, place->name));
	event_set_text(e->group, sizeof(e->group), image_string(im, place->group));
	event_set_text(e->file, sizeof(e->file), image_string(im, place->file));
	e->line = place->line;
}
