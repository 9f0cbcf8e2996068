#define _GNU_SOURCE
#include "fibers.h"
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

// The first switch to a stack goes through a context, which POSIX knows; all others through jumps, which need no call of
// the system.
struct dm_fiber {
    jmp_buf place;
    ucontext_t context;
    void *stack;
    size_t stack_size;
    int is_fresh;
    void (*entry)(void *);
    void *argument;
};

static void start(unsigned high, unsigned low) {
    dm_fiber *fiber = (dm_fiber *)((uintptr_t)high << 32 | (uintptr_t)low);
    fiber->entry(fiber->argument);
    abort();
}

dm_fiber *dm_fiber_of_thread(void) { return calloc(1, sizeof(dm_fiber)); }

dm_fiber *dm_fiber_new(size_t stack_size) {
    dm_fiber *fiber = calloc(1, sizeof(dm_fiber));
    // Its lowest page is a fence.
    void *stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!fiber || stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) abort();
    fiber->stack = stack;
    fiber->stack_size = stack_size;
    return fiber;
}

void dm_fiber_prepare(dm_fiber *fiber, void (*entry)(void *), void *argument) {
    if (getcontext(&fiber->context) != 0) abort();
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = fiber->stack_size;
    fiber->context.uc_link = NULL;
    fiber->entry = entry;
    fiber->argument = argument;
    fiber->is_fresh = 1;
    uintptr_t place = (uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))start, 2, (unsigned)(place >> 32), (unsigned)place);
}

void dm_fiber_switch(dm_fiber *from, dm_fiber *to) {
    if (_setjmp(from->place) != 0) return;
    if (to->is_fresh) {
        to->is_fresh = 0;
        setcontext(&to->context);
        abort();
    }
    _longjmp(to->place, 1);
}

static _Thread_local void *thread_value;
void *dm_thread_value(void) { return thread_value; }
void dm_set_thread_value(void *value) { thread_value = value; }

void dm_small_pages(void) { prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }

void dm_show_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
