#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

/* The mock cluster's call is variadic, which Swift cannot call: one answer at a time. */
static inline rd_kafka_resp_err_t mock_push_error_rtt(
    rd_kafka_mock_cluster_t *cluster, int32_t broker, int16_t api_key,
    rd_kafka_resp_err_t error, int rtt_ms) {
    return rd_kafka_mock_broker_push_request_error_rtts(
        cluster, broker, api_key, 1, error, rtt_ms);
}

/* glibc declares these two only with _GNU_SOURCE, which Swift's Glibc module does not set. */
int pthread_setname_np(pthread_t thread, const char *name);
int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *end);
