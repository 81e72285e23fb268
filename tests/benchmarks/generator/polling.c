/* Engine.IO's long polling: GETs on one connection, one after the other; POSTs on another. */
#include "generator.h"

#define SEPARATOR '\x1e' /* between the packets of a payload */

/* Bytes of an answer's head, 0 if it is not all there; its status and Content-Length. */
int http_head(struct link *link, int *status, int *length) {
    append(&link->in, "", 1), link->in.size--; /* a NUL behind, for the searches */
    char *end = strstr(link->in.at, "\r\n\r\n"), *field = strcasestr(link->in.at, "\ncontent-length:");
    if (!end)
        return 0;
    *status = atoi(link->in.at + strlen("HTTP/1.1 "));
    *length = field && field < end ? atoi(field + strlen("\ncontent-length:")) : 0;
    return end + 4 - link->in.at;
}

static int request(struct client *client, char *to, int room, const char *method) {
    char target[512];
    int size = request_target(client, target, sizeof target);
    if (*client->engine_sid)
        snprintf(target + size, sizeof target - size, "&sid=%s", client->engine_sid);
    return snprintf(to, room, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: load generator\r\n",
                    method, target, port_of(client));
}

static void poll(struct link *link) {
    char head[1024];
    int size = request(link->client, head, sizeof head, "GET");
    size += snprintf(head + size, sizeof head - size, "\r\n");
    link_write(link, head, size);
}

void polling_post(struct client *client) {
    static struct bytes whole;
    char head[1024];
    if (client->posting || !client->outbox.size || client->post.state != OPEN)
        return;
    int size = request(client, head, sizeof head, "POST");
    size += snprintf(head + size, sizeof head - size,
                     "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n",
                     client->outbox.size);
    whole.size = 0;
    append(&whole, head, size);
    append(&whole, client->outbox.at, client->outbox.size);
    client->outbox.size = 0;
    client->posting = true;
    link_write(&client->post, whole.at, whole.size);
}

void polling_say(struct client *client, const char *text, int size) {
    if (client->outbox.size)
        append(&client->outbox, (char[]){SEPARATOR}, 1);
    append(&client->outbox, text, size);
}

/* The whole answer at the front of `in`: its body; NULL if it is not all there. */
static char *answer(struct link *link, int *head, int *length) {
    int status;
    *head = http_head(link, &status, length);
    if (!*head || link->in.size < *head + *length)
        return NULL;
    if (status != 200) {
        client_lost(link->client, link->in.at);
        return NULL;
    }
    return link->in.at + *head;
}

static void polled(struct link *link) {
    int head, length;
    char *body = answer(link, &head, &length);
    if (!body)
        return;
    for (char *at = body, *end = body + length; at < end;) {
        char *next = memchr(at, SEPARATOR, end - at);
        packet(link->client, at, (next ? next : end) - at);
        if (link->state == CLOSED)
            return;
        at = next ? next + 1 : end;
    }
    drop(&link->in, head + length);
    poll(link);
    polling_post(link->client);
}

static void posted(struct link *link) {
    int head, length;
    if (!answer(link, &head, &length))
        return;
    drop(&link->in, head + length);
    link->client->posting = false;
    polling_post(link->client);
}

static void may_post(struct link *link) { polling_post(link->client); }

void polling_connect(struct client *client) {
    client->link.opened = poll, client->link.received = polled;
    client->post.opened = may_post, client->post.received = posted;
    link_open(&client->link);
    link_open(&client->post);
}
