/* generator -P PORT -p PID -u PATH -R RUN -f PAYLOADS [-r] [-a] [-s] [-i] [-o] [-t] [-b N] PHASE...
 *
 *   -P -P two hosts: one client of each pair calls the first, the other one the second
 *   -p -p several processes: their figures are summed up, cpu0_us, cpu1_us... are of each
 *   -r raw WebSockets, no Socket.IO   -a each signal asks for an acknowledgement
 *   -s auth.session                   -i one WebSocket PING first
 *   -o each signal says `to`          -t TLS
 *   -b N long polling, N signals a POST
 *
 * Phases; each prints a JSON object, its figures per signal, or per client where clients come:
 *   join:N[:K]     N more clients come, at most K of them under way (all)
 *   swap:N         all present leave at once, and N others come meanwhile
 *   sat:N:SECONDS  closed loop: N signals under way in all, the senders take turns
 *   pace:N:SECONDS open loop: N signals a second
 *   idle:SECONDS   nothing but answers to pings
 */
#include "generator.h"
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#define MOST_CLIENTS 16384
#define PATIENCE_NS 60000000000ull /* for clients to come */
#define DRAIN_NS 3000000000ull     /* for signals that are under way */
#define SETTLE_MS 20

struct options options = {.run = "run", .payloads = "payloads.txt"};
struct counts counts;
int epoll;

static struct client *clients;
static int first, end, turn, ticker = -1; /* present are clients[first..end) */

static void pump(int ms) {
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, ms);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr)
            link_event(events[i].data.ptr, events[i].events);
}

static bool free_to_send(struct client *client) {
    return client->ready && !(options.batch && (client->posting || client->outbox.size));
}

/* The next client that may send its signals; false if none may. */
static bool send_from_next(void) {
    for (int tries = first; tries < end; tries++) {
        struct client *client = &clients[first + turn++ % (end - first)];
        if (!free_to_send(client))
            continue;
        for (int i = 0; i < (options.batch ? options.batch : 1); i++)
            send_signal(client, &clients[client->number ^ 1]);
        if (options.batch)
            polling_post(client);
        return true;
    }
    return false;
}

static void come(struct client *client) {
    client->number = client - clients;
    client->link.client = client->post.client = client;
    if (options.batch)
        polling_connect(client);
    else
        websocket_connect(client);
}

static void join(int count, int together) {
    uint64_t ready = counts.ready, lost = counts.lost, give_up = now() + PATIENCE_NS;
    int done = 0, started = 0;
    if (end + count > MOST_CLIENTS) {
        fprintf(stderr, "more than %d clients\n", MOST_CLIENTS);
        exit(2);
    }
    while (done < count && now() < give_up) {
        while (started < count && started - done < together)
            come(&clients[end + started++]);
        pump(100);
        done = counts.ready - ready + counts.lost - lost;
    }
    end += count;
}

static void swap(int count) {
    int from = first;
    first = end;
    for (int i = from; i < first; i++) {
        link_close(&clients[i].link);
        if (options.batch)
            link_close(&clients[i].post);
    }
    join(count, count);
}

static void saturate(int under_way, uint64_t until) {
    while (now() < until && !counts.lost) {
        while ((int64_t)(counts.sent - counts.received) < under_way && send_from_next())
            ;
        pump(10);
    }
}

static void pace(double rate, uint64_t until) {
    uint64_t interval = 1e9 / rate, times;
    struct timespec every = {interval / 1000000000, interval % 1000000000};
    ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(ticker, 0, &(struct itimerspec){every, every}, NULL);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, ticker, &event);
    while (now() < until && !counts.lost) {
        pump(10);
        if (read(ticker, &times, sizeof times) == sizeof times)
            while (times--)
                send_from_next();
    }
    close(ticker);
}

static void idle(uint64_t until) {
    while (now() < until)
        pump(100);
}

/* What is under way arrives, or is lost. */
static void drain(void) {
    uint64_t give_up = now() + DRAIN_NS;
    while ((counts.received < counts.sent || (options.ack && counts.acks < counts.sent)) &&
           now() < give_up && !counts.lost)
        pump(10);
}

static void report(const char *phase, struct meter *from, struct counts *before, int came) {
    struct meter to;
    meter_read(&to);
    double us = (to.at - from->at) / 1e3, received = counts.received - before->received;
    double cpu = to.servers - from->servers, each = came ? came : received;
    drain();
    printf("{\"phase\":\"%s\",\"seconds\":%.4f,\"clients\":%d,\"ready\":%ld,\"refused\":%ld,"
           "\"signals\":%.0f,\"lost\":%ld,\"acks_missing\":%ld,\"errors\":%ld,\"per_second\":%.1f,"
           "\"cpu_us\":%.3f,\"server_percent\":%.4f,\"generator_percent\":%.1f,"
           "\"foreign_percent\":%.1f,\"wakeups\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f,"
           "\"rss_kib\":%ld",
           phase, us / 1e6, came, (long)(counts.ready - before->ready), (long)(counts.lost - before->lost),
           received, (long)(counts.sent - counts.received),
           options.ack ? (long)(counts.sent - counts.acks) : 0, (long)(counts.errors - before->errors),
           received / us * 1e6, each ? cpu / each : 0, cpu / us * 100,
           (to.generator - from->generator) / us * 100, (to.core - from->core - cpu) / us * 100,
           (to.wakeups - from->wakeups) / us * 1e6, latency_at(.5), latency_at(.99), resident_kib());
    for (int i = 0; i < options.number_of_pids; i++)
        printf(",\"cpu%d_us\":%.3f", i, each ? (to.server[i] - from->server[i]) / each : 0);
    printf("}\n");
    fflush(stdout);
}

static void run(const char *phase) {
    char kind[16] = "";
    double one = 0, two = 0;
    int came = 0;
    struct meter from;
    struct counts before = counts;
    sscanf(phase, "%15[^:]:%lf:%lf", kind, &one, &two);
    latency_clear();
    meter_read(&from);
    if (!strcmp(kind, "join"))
        join(came = one, two ? two : one);
    else if (!strcmp(kind, "swap"))
        swap(came = one);
    else if (!strcmp(kind, "sat"))
        saturate(one, from.at + two * 1e9);
    else if (!strcmp(kind, "pace"))
        pace(one, from.at + two * 1e9);
    else
        idle(from.at + one * 1e9);
    report(phase, &from, &before, came);
    if (came)
        idle(now() + SETTLE_MS * 1000000ull); /* a PING is answered, welcomes are through */
}

static void add(int *all, int *number, int most, int one) {
    if (*number == most) {
        fprintf(stderr, "more than %d of -P or -p\n", most);
        exit(2);
    }
    all[(*number)++] = one;
}

static void read_options(int count, char **words) {
    for (int option; (option = getopt(count, words, "P:p:u:R:f:rasiotb:")) > 0;)
        switch (option) {
        case 'P': add(options.ports, &options.number_of_ports, MOST_PORTS, atoi(optarg)); break;
        case 'p': add(options.pids, &options.number_of_pids, MOST_PIDS, atoi(optarg)); break;
        case 'u': options.path = optarg; break;
        case 'R': options.run = optarg; break;
        case 'f': options.payloads = optarg; break;
        case 'r': options.raw = true; break;
        case 'a': options.ack = true; break;
        case 's': options.session = true; break;
        case 'i': options.ping = true; break;
        case 'o': options.to = true; break;
        case 't': options.tls = true; break;
        case 'b': options.batch = atoi(optarg); break;
        default: exit(2);
        }
}

int main(int count, char **words) {
    struct rlimit files;
    read_options(count, words);
    if (!options.path || !options.number_of_ports || !load_payloads(options.payloads)) {
        fprintf(stderr, "give -P PORT, -u PATH and -f PAYLOADS\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    clients = calloc(MOST_CLIENTS, sizeof *clients);
    for (int i = optind; i < count; i++)
        run(words[i]);
    return 0;
}
