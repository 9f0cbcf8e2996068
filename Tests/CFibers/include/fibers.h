#pragma once
#include <stddef.h>

/// A stack of its own to run on, in turn with others on one thread of the system.
typedef struct dm_fiber dm_fiber;

/// A fiber for the thread's own stack: what `dm_fiber_switch` comes back to.
dm_fiber *_Nonnull dm_fiber_of_thread(void);
/// A fiber with a stack of so many bytes; it runs nothing yet.
dm_fiber *_Nonnull dm_fiber_new(size_t stack_size);
/// Has a fiber run `entry(argument)` from the next switch on; `entry` must not return.
void dm_fiber_prepare(dm_fiber *_Nonnull fiber, void (*_Nonnull entry)(void *_Nullable), void *_Nullable argument);
/// Goes on with `to` and comes back when somebody switches to `from`.
void dm_fiber_switch(dm_fiber *_Nonnull from, dm_fiber *_Nonnull to);

/// A pointer that each thread of the system has for itself.
void *_Nullable dm_thread_value(void);
void dm_set_thread_value(void *_Nullable value);

/// No pages of 2 MiB for this process: simulated machines are many and small, and to clear such a page takes longer than
/// to fold all that is in it.
void dm_small_pages(void);

/// Standard output shows each line at once.
void dm_show_lines(void);
