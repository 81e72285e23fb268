/* The load generator: one thread, epoll; what its parts know of each other.
 *
 *   link.c       a TCP or TLS connection that never blocks
 *   websocket.c  its upgrade and frames          (RFC 6455)
 *   polling.c    Engine.IO's long polling: GETs on one connection, POSTs on another
 *   socketio.c   what a packet says, and how a signal is written
 *   meter.c      clocks, the server's CPU and memory, latencies
 *   main.c       options and phases
 */
#pragma once
#define _GNU_SOURCE
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_PORTS 2 /* hosts: client n calls the port n % ports */
#define MOST_PIDS 3  /* processes that are measured: two hosts and their Redis */
#define RING 1024 /* signals under way to one client; more are sent by nothing here */

struct bytes {
    char *at;
    int size, room;
};

struct link {
    enum { CONNECTING, SHAKING_HANDS, OPEN, CLOSED } state;
    int fd;
    SSL *tls;
    bool upgraded;  /* a WebSocket: the HTTP part is over */
    bool wants_out; /* epoll tells when there is room to write */
    struct bytes in, out;
    struct client *client;
    void (*opened)(struct link *);
    void (*received)(struct link *); /* takes what is whole from `in` */
};

struct client {
    int number; /* its pair is number ^ 1 */
    bool ready, lost;
    char engine_sid[64], sid[64]; /* of Engine.IO, of Socket.IO */
    uint32_t ack_id;
    struct link link, post; /* `post`: polling only */
    bool posting;           /* a POST is under way */
    struct bytes outbox;    /* polling: packets for the next POST */
    uint64_t sent_at[RING]; /* when each signal to this client left, nanoseconds */
    uint32_t next_sent, next_received;
};

struct options {
    int ports[MOST_PORTS], number_of_ports, pids[MOST_PIDS], number_of_pids;
    int batch; /* signals a POST; 0: WebSocket */
    const char *path, *run, *payloads;
    bool raw, ack, session, ping, to, tls;
};

struct counts { /* since the start of the program */
    uint64_t sent, received, acks, errors, ready, lost;
};

extern struct options options;
extern struct counts counts;
extern int epoll;

/* link.c */
int port_of(struct client *);
void link_open(struct link *);
void link_write(struct link *, const char *, int);
void link_event(struct link *, unsigned events);
void link_close(struct link *);
void append(struct bytes *, const char *, int);
void drop(struct bytes *, int);

/* websocket.c, polling.c: `connect` opens a client's connections */
void websocket_connect(struct client *);
void websocket_frame(struct client *, int opcode, const char *, int);
void polling_connect(struct client *);
void polling_say(struct client *, const char *, int);
void polling_post(struct client *);
int http_head(struct link *, int *status, int *length);
int request_target(struct client *, char *, int);

/* socketio.c */
void packet(struct client *, const char *, int);
void say(struct client *, const char *, int);
int load_payloads(const char *file);
void send_signal(struct client *, struct client *to);
void client_lost(struct client *, const char *why);

/* meter.c */
struct meter {
    uint64_t at;
    double server[MOST_PIDS], servers, generator, core; /* servers: the sum */
    long wakeups;
};
uint64_t now(void);
void meter_read(struct meter *);
long resident_kib(void);
void latency_add(double us);
double latency_at(double share);
void latency_clear(void);
