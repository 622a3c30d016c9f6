/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack.c with other names for what writes: fuzz_image.c stands in between, whoever links it. */
#define pack_u8 written_u8
#define pack_u32 written_u32
#define pack_u64 written_u64
#define pack_image written_image

#include "base/pack.c"
