/* What a Socket.IO packet says, and how a signal is written (Engine.IO 4, Socket.IO 5). */
#include "generator.h"
#include <errno.h>

#define SAYS(text) (size >= (int)strlen(text) && !memcmp(at, text, strlen(text)))
#define TOLD_IN_FULL 5 /* of errors and lost clients */
#define MOST_PAYLOADS 4096

static char *payloads[MOST_PAYLOADS]; /* JSON objects: {"type":...} */
static int number_of_payloads, next_payload;

int load_payloads(const char *file) {
    FILE *lines = fopen(file, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while (lines && number_of_payloads < MOST_PAYLOADS && (size = getline(&line, &room, lines)) > 0)
        payloads[number_of_payloads++] = strndup(line, size - 1);
    return number_of_payloads;
}

/* A client whose connection the server ended or refused. `why` may be part of what it sent. */
void client_lost(struct client *client, const char *why) {
    if (!client->lost && counts.lost++ < TOLD_IN_FULL)
        fprintf(stderr, "client %d is lost: %.200s (%s)\n", client->number, why, strerror(errno));
    client->lost = true, client->ready = false;
    link_close(&client->link);
    if (options.batch)
        link_close(&client->post);
}

static void error(const char *at, int size) {
    if (counts.errors++ < TOLD_IN_FULL)
        fprintf(stderr, "error: %.*s\n", size > 200 ? 200 : size, at);
}

/* The text behind "sid":" in a packet. */
static void take_sid(char sid[64], const char *at, int size) {
    static const char key[] = "\"sid\":\"";
    const char *start = memmem(at, size, key, sizeof key - 1);
    *sid = 0;
    if (start)
        sscanf(start + sizeof key - 1, "%63[^\"]", sid);
}

static void connect_namespace(struct client *client) {
    char text[128];
    int size = snprintf(text, sizeof text, "40");
    if (options.session)
        size = snprintf(text, sizeof text, "40{\"session\":\"%s-%d-abcdefgh\",\"seen\":0}", options.run,
                        client->number);
    say(client, text, size);
}

static void become_ready(struct client *client, const char *at, int size) {
    take_sid(client->sid, at, size);
    if (!client->ready)
        counts.ready++;
    client->ready = true;
    if (options.ping)
        websocket_frame(client, 9, "hi", 2);
}

static void signal_received(struct client *client) {
    counts.received++;
    latency_add((now() - client->sent_at[client->next_received++ % RING]) / 1e3);
}

void packet(struct client *client, const char *at, int size) {
    if (options.raw || SAYS("42[\"signal\""))
        signal_received(client);
    else if (SAYS("43")) {
        counts.acks++;
        if (memmem(at, size, "\"ok\":false", 10))
            error(at, size);
    } else if (SAYS("0")) {
        take_sid(client->engine_sid, at, size);
        connect_namespace(client);
    } else if (SAYS("2"))
        say(client, "3", 1);
    else if (SAYS("40"))
        become_ready(client, at, size);
    else if (SAYS("42[\"error\"") || SAYS("44") || SAYS("41"))
        error(at, size);
}

void say(struct client *client, const char *text, int size) {
    if (options.batch)
        polling_say(client, text, size);
    else
        websocket_frame(client, 1, text, size);
}

void send_signal(struct client *client, struct client *to) {
    static char text[32768];
    char id[16] = "", addressed[96] = "{";
    const char *payload = payloads[next_payload++ % number_of_payloads];
    if (options.ack)
        snprintf(id, sizeof id, "%u", client->ack_id++);
    if (options.to)
        snprintf(addressed, sizeof addressed, "{\"to\":\"%s\",", to->sid);
    int size = options.raw ? snprintf(text, sizeof text, "%s", payload)
                           : snprintf(text, sizeof text, "42%s[\"signal\",%s%s]", id, addressed, payload + 1);
    to->sent_at[to->next_sent++ % RING] = now();
    counts.sent++;
    say(client, text, size);
}
