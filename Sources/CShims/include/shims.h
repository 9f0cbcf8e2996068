#pragma once
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/// Asks the processor to bring the cache line at `address` near: the tables are larger than any cache, and a
/// batch of lookups whose lines were asked for beforehand costs a fraction of the same lookups one by one.
static inline void dm_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

/// Address space for a table that grows: memory is taken from the system only where it is written. NULL where there
/// is none.
static inline void *dm_reserve(size_t count) {
    void *memory = mmap(NULL, count, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/// Gives address space back.
static inline void dm_release(void *memory, size_t count) { munmap(memory, count); }

/// Asks for pages of 2 MiB: a table of hundreds of megabytes in pages of 4 KiB misses the processor's page table
/// cache at nearly every look-up, and on a virtual machine such a miss costs more than the memory itself.
static inline void dm_want_huge_pages(void *memory, size_t count) {
    madvise(memory, count, MADV_HUGEPAGE);
}

/// Names the thread that calls it, for `top -H`, `perf` and the like; 15 bytes are kept.
static inline void dm_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/// Gives back to the system what was freed.
static inline void dm_trim(void) { malloc_trim(0); }

/// Whether two stretches of memory hold the same bytes.
static inline int dm_equal(const void *left, const void *right, size_t count) {
    return memcmp(left, right, count) == 0;
}

/// Where a byte first stands, or NULL: the C library looks at 32 bytes a step, where the processor can.
static inline const void *dm_find(const void *memory, int byte, size_t count) {
    return memchr(memory, byte, count);
}
