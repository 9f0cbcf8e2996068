// GNU libmicrohttpd. Its start call is variadic and its option names are hidden from Swift by the way the enumeration
// is declared, so both stay here, as does the two-step protocol of its handler.
#pragma once
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/// Answers one request with `dm_http_answer`, on the server's thread.
typedef void (*dm_http_handler)(void *context, struct MHD_Connection *connection, const char *method,
                                const char *path);

/// A running server and whom it asks.
struct dm_http_server {
    struct MHD_Daemon *daemon;
    dm_http_handler handler;
    void *context;
};

/// libmicrohttpd calls it once with the headers and again for the body and its end. Bodies are dropped: nothing here
/// takes one.
static enum MHD_Result dm_http_receive(void *argument, struct MHD_Connection *connection, const char *path,
                                       const char *method, const char *version, const char *body,
                                       size_t *body_size, void **state) {
    static int has_headers;
    (void)version;
    (void)body;
    if (*state == NULL) {
        *state = &has_headers;
        return MHD_YES;
    }
    if (*body_size > 0) {
        *body_size = 0;
        return MHD_YES;
    }
    struct dm_http_server *server = (struct dm_http_server *)argument;
    server->handler(server->context, connection, method, path);
    return MHD_YES;
}

/// Starts a server with a thread of its own; NULL where the address can't be had. `certificate` and `key` are PEM, or
/// both NULL for plain HTTP. At most 32 connections, each closed after ten quiet seconds.
static inline struct dm_http_server *dm_http_start(const struct sockaddr *address, const char *certificate,
                                                   const char *key, dm_http_handler handler, void *context) {
    struct dm_http_server *server = (struct dm_http_server *)malloc(sizeof *server);
    if (server == NULL) return NULL;
    server->handler = handler;
    server->context = context;
    unsigned int flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC;
    if (address->sa_family == AF_INET6) flags |= MHD_USE_IPv6;
    struct MHD_OptionItem options[10];
    int count = 0;
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_SOCK_ADDR, 0, (void *)address};
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT, 32, NULL};
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT, 10, NULL};
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT, 16384, NULL};
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL};
    if (key != NULL) {
        flags |= MHD_USE_TLS;
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key};
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"};
    }
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, dm_http_receive, server, MHD_OPTION_ARRAY, options,
                                      MHD_OPTION_END);
    if (server->daemon == NULL) {
        free(server);
        return NULL;
    }
    return server;
}

/// The port it listens on; 0 where that is not known.
static inline unsigned int dm_http_port(const struct dm_http_server *server) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}

/// Ends it; waits for an answer that is being given.
static inline void dm_http_stop(struct dm_http_server *server) {
    MHD_stop_daemon(server->daemon);
    free(server);
}

/// The value of a request's header, or NULL; it lives as long as the request.
static inline const char *dm_http_header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/// Whether the request's query names something, with a value or without.
static inline int dm_http_has_query(struct MHD_Connection *connection, const char *name) {
    const char *value = NULL;
    size_t count = 0;
    return MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &count) ==
           MHD_YES;
}

/// Answers a request; the bytes are copied. `challenge` is the value of `WWW-Authenticate`, or NULL.
static inline void dm_http_answer(struct MHD_Connection *connection, unsigned int status, const char *type,
                                  const char *challenge, const void *body, size_t count) {
    struct MHD_Response *response = MHD_create_response_from_buffer(count, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) return;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (challenge != NULL) MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, challenge);
    if (status == 405) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
}
