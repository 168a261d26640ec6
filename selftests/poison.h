/* SPDX-License-Identifier: GPL-2.0 */
/* poison: what is asked of the machine. */
#ifndef POISON_H
#define POISON_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* struct outcome - what came of an madvise(): its error, and the signal, if one came. */
struct outcome {
	int err;
	int code;
	void *addr;
};

void poison_init(void);

void stamp_range(unsigned char *buf, size_t off, size_t len, uint64_t generation);
void expect_range(const unsigned char *buf, size_t off, size_t len, uint64_t generation,
		  const char *what);
void expect(bool good, const char *what);

/* advise(), poison() - with one page; poison() is MADV_HWPOISON. */
struct outcome advise(unsigned char *at, int advice);
struct outcome poison(unsigned char *at);

/* read_byte() - returns 0, or the code of the SIGBUS that came instead. */
int read_byte(const unsigned char *at, unsigned char *byte);

/* wait_for_byte() - says that it is @ready, and returns the code of a SIGBUS, or 0. */
int wait_for_byte(int ready, int go);

uint64_t pfn_of(const unsigned char *at);
bool is_tail(const unsigned char *at);
bool is_large(const unsigned char *at);
bool is_poisoned(uint64_t pfn);

/* is_used() - by somebody, or free for somebody: neither may a page be that is poisoned. */
bool is_used(uint64_t pfn);

/* split_file() - the folios of its first pages into folios of one page each. */
void split_file(const char *path, size_t pages);

bool corrupt(uint64_t pfn);
void unpoison(uint64_t pfn);
void unpoison_all(void);

#endif /* POISON_H */
