/* A TCP or TLS connection that never blocks: what cannot be written yet waits in `out`. */
#include "generator.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_BYTES 16384 /* a TLS record at most (RFC 8446, 5.1) */
#define AGAIN (-1)
#define FAILED (-2)

static SSL_CTX *context;

void append(struct bytes *bytes, const char *data, int size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = (bytes->size + size) * 2;
        bytes->at = realloc(bytes->at, bytes->room);
    }
    memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
}

void drop(struct bytes *bytes, int size) {
    bytes->size -= size;
    memmove(bytes->at, bytes->at + size, bytes->size);
}

static void watch(struct link *link, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = link};
    epoll_ctl(epoll, operation, link->fd, &event);
}

static void want_out(struct link *link, bool wanted) {
    if (link->wants_out != wanted)
        watch(link, EPOLL_CTL_MOD, EPOLLIN | (wanted ? EPOLLOUT : 0));
    link->wants_out = wanted;
}

static void fail(struct link *link, const char *why) {
    struct client *client = link->client;
    link_close(link);
    client_lost(client, why);
}

void link_close(struct link *link) {
    if (link->state == CLOSED)
        return;
    link->state = CLOSED;
    close(link->fd);
    SSL_free(link->tls);
    free(link->in.at), free(link->out.at);
    link->in = link->out = (struct bytes){0};
    link->tls = NULL;
}

/* The result of a TLS call that did not do its work. */
static int tls_result(struct link *link, int result) {
    int error = SSL_get_error(link->tls, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? AGAIN : FAILED;
}

static int put(struct link *link, const char *data, int size) {
    int done = link->tls ? SSL_write(link->tls, data, size) : write(link->fd, data, size);
    if (done > 0)
        return done;
    return link->tls ? tls_result(link, done) : errno == EAGAIN ? AGAIN : FAILED;
}

static int get(struct link *link, char *data, int room) {
    int done = link->tls ? SSL_read(link->tls, data, room) : read(link->fd, data, room);
    if (done > 0)
        return done;
    return link->tls ? tls_result(link, done) : done < 0 && errno == EAGAIN ? AGAIN : FAILED;
}

void link_write(struct link *link, const char *data, int size) {
    if (link->state != OPEN)
        return;
    int done = link->out.size ? AGAIN : put(link, data, size);
    if (done == FAILED) {
        fail(link, "write");
        return;
    }
    if (done == AGAIN)
        done = 0;
    if (done < size) {
        append(&link->out, data + done, size - done);
        want_out(link, true);
    }
}

static void flush(struct link *link) {
    int done = link->out.size ? put(link, link->out.at, link->out.size) : 0;
    if (done == FAILED)
        fail(link, "write");
    else if (done > 0)
        drop(&link->out, done);
    if (link->state == OPEN)
        want_out(link, link->out.size > 0);
}

static void shake_hands(struct link *link) {
    int result = SSL_do_handshake(link->tls);
    if (result == 1) {
        link->state = OPEN;
        want_out(link, false);
        link->opened(link);
    } else if (tls_result(link, result) == FAILED) {
        fail(link, "TLS handshake");
    } else {
        want_out(link, SSL_get_error(link->tls, result) == SSL_ERROR_WANT_WRITE);
    }
}

static void connected(struct link *link) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        errno = error;
        fail(link, "connect");
    } else if (options.tls) {
        link->tls = SSL_new(context);
        SSL_set_fd(link->tls, link->fd);
        SSL_set_connect_state(link->tls);
        link->state = SHAKING_HANDS;
        shake_hands(link);
    } else {
        link->state = OPEN;
        want_out(link, false);
        link->opened(link);
    }
}

static void read_all(struct link *link) {
    while (link->state == OPEN) {
        char data[READ_BYTES];
        int done = get(link, data, sizeof data);
        if (done == FAILED)
            fail(link, "read");
        if (done < 0)
            return;
        append(&link->in, data, done);
        link->received(link);
        if (!link->tls && done < READ_BYTES)
            return;
    }
}

void link_event(struct link *link, unsigned events) {
    if (link->state == CONNECTING)
        connected(link);
    else if (link->state == SHAKING_HANDS)
        shake_hands(link);
    if (link->state == OPEN && events & EPOLLOUT)
        flush(link);
    if (link->state == OPEN && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_all(link);
}

static void make_context(void) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* Neighbours are a pair, so with two ports each pair is spread over both. */
int port_of(struct client *client) { return options.ports[client->number % options.number_of_ports]; }

void link_open(struct link *link) {
    if (options.tls && !context)
        make_context();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port_of(link->client))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (link->fd < 0) {
        perror("socket");
        exit(2);
    }
    int on = 1;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connect(link->fd, (void *)&address, sizeof address);
    link->state = CONNECTING;
    link->wants_out = true;
    watch(link, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}
