/* pool.c - see pool.h.  Workers sleep until a job is posted, then take indexes from one counter. */
#include "base/pool.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

struct Pool {
    pthread_mutex_t lock;
    pthread_cond_t  wake, done;
    pthread_t      *threads;
    unsigned        count, busy;
    uint64_t        job;                               /* counts jobs, so that a worker knows a new one */
    bool            stop;
    size_t          n;
    atomic_size_t   next;
    void (*fn)(void *arg, size_t i);
    void *arg;
};

static void drain(Pool *p)
{
    for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < p->n;)
        p->fn(p->arg, i);
}

static void *worker(void *arg)
{
    Pool    *p = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->job == seen)
            pthread_cond_wait(&p->wake, &p->lock);
        if (p->stop)
            break;
        seen = p->job;
        pthread_mutex_unlock(&p->lock);
        drain(p);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static unsigned processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* The caller's thread works too, so a pool of n starts n - 1. */
Pool *pool_new(unsigned threads)
{
    Pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    if (threads == 0)
        threads = processors();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->threads = calloc(threads, sizeof *p->threads);
    /* Signals are for whoever made the pool: a worker that took a SIGINT would end the process by its default action. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->threads != NULL && p->count + 1 < threads &&
           pthread_create(&p->threads[p->count], NULL, worker, p) == 0)
        p->count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p;
}

void pool_free(Pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

void pool_each(Pool *p, size_t n, void (*fn)(void *arg, size_t i), void *arg)
{
    if (p == NULL || p->count == 0) {
        for (size_t i = 0; i < n; i++)
            fn(arg, i);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->n = n, p->fn = fn, p->arg = arg, p->busy = p->count;
    atomic_store(&p->next, 0);
    p->job++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    drain(p);
    pthread_mutex_lock(&p->lock);
    while (p->busy > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
