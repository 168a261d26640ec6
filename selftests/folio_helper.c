// SPDX-License-Identifier: GPL-2.0
/* A second process of a folio_* test, which does one thing at a time to the region. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folio_util.h"

struct request {
	enum helper_op op;
	unsigned int first;
	unsigned int count;
};

/* What has not the tag 1 it was filled with; 0: all has it. */
static int count_changed(struct region *r, unsigned int first, unsigned int count)
{
	unsigned int i, changed = 0;

	for (i = first; i < first + count; i++)
		changed += stamp_differs(page_at(r, i), r->page, (uint64_t)i * r->page, 1) >= 0;
	return changed;
}

static int serve(struct region *r, const struct request *q)
{
	size_t len = q->count * r->page;
	unsigned int i;

	switch (q->op) {
	case HELP_READ:
		region_read(r, q->first, q->count);
		return 0;
	case HELP_WRITE:
		for (i = q->first; i < q->first + q->count; i++)
			stamp(page_at(r, i), r->page, (uint64_t)i * r->page, 2);
		return 0;
	case HELP_UNMAP:
		return munmap(page_at(r, q->first), len) ? -errno : 0;
	case HELP_DONTNEED:
		return madvise(page_at(r, q->first), len, MADV_DONTNEED) ? -errno : 0;
	case HELP_CHECK:
		return count_changed(r, q->first, q->count);
	case HELP_EXIT:
		break;
	}
	_exit(0);
}

void helper_start(struct helper *h, struct region *r)
{
	int down[2], up[2], answer;
	pid_t parent = getpid();
	struct request q;

	h->r = r;
	if (pipe(down) || pipe(up))
		give_up("pipe: %s", strerror(errno));
	h->pid = fork();
	if (h->pid < 0)
		give_up("fork: %s", strerror(errno));
	if (h->pid) {
		close(down[0]);
		close(up[1]);
		h->to = down[1];
		h->from = up[0];
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	close(down[1]);
	close(up[0]);
	while (read(down[0], &q, sizeof(q)) == sizeof(q)) {
		answer = serve(r, &q);
		if (write(up[1], &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

int helper_do(struct helper *h, enum helper_op op, unsigned int first, unsigned int count)
{
	struct request q = { op, first, count };
	int answer;

	if (write(h->to, &q, sizeof(q)) != sizeof(q) ||
	    (op != HELP_EXIT && read(h->from, &answer, sizeof(answer)) != sizeof(answer)))
		give_up("the other process is gone");
	return op == HELP_EXIT ? 0 : answer;
}

/* Only when it is gone are its page tables. */
void helper_end(struct helper *h)
{
	helper_do(h, HELP_EXIT, 0, 0);
	waitpid(h->pid, NULL, 0);
	close(h->to);
	close(h->from);
}
