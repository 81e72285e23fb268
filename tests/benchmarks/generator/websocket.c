/* The client's side of a WebSocket: upgrade and frames (RFC 6455, 4.1 and 5.2). */
#include "generator.h"

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

/* Path and query with the client's number and its room; the size. A room belongs to one run: what
 * waits in it for clients with a session must not come to those of the next. */
int request_target(struct client *client, char *target, int room) {
    const char *mark = strstr(options.path, "{n}");
    int head = mark ? mark - options.path : (int)strlen(options.path);
    int size = snprintf(target, room, "%.*s", head, options.path);
    if (mark)
        size += snprintf(target + size, room - size, "%d%s", client->number, mark + 3);
    return size + snprintf(target + size, room - size, "&room=%s-%d", options.run, client->number / 2);
}

static void upgrade(struct link *link) {
    char target[512], request[1024];
    request_target(link->client, target, sizeof target);
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\nUser-Agent: load generator\r\n\r\n",
                        target, port_of(link->client));
    link_write(link, request, size);
}

static void mask(char *to, const char *from, int size) {
    static const char key[4] = {0x37, 0x7a, 0x21, 0x3d};
    for (int i = 0; i < size; i++)
        to[i] = from[i] ^ key[i & 3];
    memcpy(to - 4, key, 4);
}

void websocket_frame(struct client *client, int opcode, const char *data, int size) {
    static char frame[65536 + 8];
    int head = size < 126 ? 2 : 4;
    if (size > 65535)
        abort();
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (size < 126 ? size : 126);
    if (head == 4)
        frame[2] = size >> 8, frame[3] = size;
    mask(frame + head + 4, data, size);
    link_write(&client->link, frame, head + 4 + size);
}

static void frame_received(struct client *client, int opcode, const char *data, int size) {
    if (opcode == TEXT)
        packet(client, data, size);
    else if (opcode == PING)
        websocket_frame(client, PONG, data, size);
    else if (opcode == CLOSE)
        client_lost(client, "close frame");
}

/* Bytes of the head of the frame at `at`, 0 if it is not all there; its payload's size. */
static int frame_head(const unsigned char *at, int there, uint64_t *size) {
    int more = there < 2 ? 0 : (at[1] & 127) == 127 ? 8 : (at[1] & 127) == 126 ? 2 : 0;
    if (there < 2 + more)
        return 0;
    *size = more ? 0 : at[1] & 127;
    for (int i = 0; i < more; i++)
        *size = *size << 8 | at[2 + i];
    return 2 + more;
}

static void received(struct link *link) {
    int status, length, at = 0, head;
    uint64_t size;
    if (!link->upgraded) {
        int end = http_head(link, &status, &length);
        if (!end)
            return;
        if (status != 101) {
            client_lost(link->client, "no upgrade");
            return;
        }
        link->upgraded = true;
        drop(&link->in, end);
        if (options.raw)
            link->client->ready = true, counts.ready++;
    }
    while ((head = frame_head((void *)(link->in.at + at), link->in.size - at, &size)) &&
           link->in.size - at >= head + (int64_t)size) {
        frame_received(link->client, link->in.at[at] & 15, link->in.at + at + head, size);
        if (link->state == CLOSED)
            return;
        at += head + size;
    }
    drop(&link->in, at);
}

void websocket_connect(struct client *client) {
    client->link.opened = upgrade;
    client->link.received = received;
    link_open(&client->link);
}
