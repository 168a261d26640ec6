/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FSX_NOISE_H
#define FSX_NOISE_H

struct options;

/* start_noise() - processes that use the file and never change it, until we end. */
void start_noise(const struct options *opt);

#endif /* FSX_NOISE_H */
