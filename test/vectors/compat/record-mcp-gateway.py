"""Records what the MCP gateway's limiter answers and stores, for test/redis/compat-mcp-gateway.redis.test.ts.

    python3 -m venv venv && venv/bin/pip install cpex-rate-limiter==0.1.12 redis
    venv/bin/python test/vectors/compat/record-mcp-gateway.py redis://127.0.0.1:PORT > test/vectors/compat/mcp-gateway.json

The server is emptied. `turns` has both limiters on one server: theirs and, by turns, the script of Sluice.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

from cpex.framework import GlobalContext, PluginContext, ToolPreInvokePayload
from cpex_rate_limiter.rate_limiter_rust import RateLimiterEngine, RateLimiterPluginCore

START_S = 1_700_000_000
STEPS_S = [0, 0, 0, 0, 1, 1, 2, 5, 19, 20, 30, 59, 60, 61, 180]
ALGORITHMS = ["fixed_window", "sliding_window", "token_bucket"]
CONFIGS = {
    "one user": {"by_user": "3/m"},
    "every dimension": {
        "by_user": "4/m",
        "by_user_per_server": "3/m",
        "by_tenant": "6/m",
        "by_tool": {"search": "2/m", "fetch": "1/s"},
    },
    "uneven rates": {"by_user": "7/h", "by_tenant": "11/m", "by_tool": {"search": "5/s"}},
}
TURN_LIMITS = {"by_user": "9/m", "by_user_per_server": "8/m", "by_tenant": "12/m", "by_tool": {"search": "7/m"}}
TURN_CALL = {"user": "ann", "tenantId": "acme", "serverId": "s1", "tool": "search"}
TURN_KEYS = {"user:ann": 9, "user:ann:server:s1": 8, "tenant:acme": 12, "tool:search": 7}
SLUICE_SCRIPT = Path(__file__).parents[3] / "lua/dist/compat/mcp_gateway.lua"
CONSUME = 1
SLUICE_ALGORITHMS = {"fixed_window": 2, "sliding_window": 6, "token_bucket": 3}
NAMES = [
    ({"by_user": "30/m"}, {"user": "alice@example.com"}),
    ({"by_user": "30/m"}, {"user": "alice@example.com", "tenantId": "acme"}),
    ({"by_tenant": "3000/m"}, {"user": "u", "tenantId": "acme"}),
    ({"by_tool": {" Search ": "10/s"}}, {"user": "u", "tenantId": "acme", "tool": "SEARCH "}),
    ({"by_user": "100/h"}, {"user": None}),
    ({"by_user": "100/h"}, {"user": "   "}),
    ({"by_user": "1/s"}, {"user": {"email": "  ", "id": None, "sub": "s-42"}}),
    ({"by_user": "1/s"}, {"user": {"id": 0}}),
    ({"by_user": "1/m"}, {"user": "a:b"}),
    ({"by_user": "1/m"}, {"user": "{a}*"}),
    ({"by_tenant": "5/s"}, {"user": "u", "tenantId": "  "}),
    ({"by_tool": {"ÄPFEL": "1/m"}}, {"user": "u", "tool": "ÄPFEL"}),
    ({"by_user": " 060 / MINUTE "}, {"user": "Bob"}),
    ({"by_user_per_server": "5/m"}, {"user": "u", "tenantId": "acme", "serverId": " srv_1.A "}),
]


async def answer(engine, call, now_s):
    tenant = call.get("tenantId")
    user, tool, server = call["user"], call.get("tool", "other"), call.get("serverId")
    allowed, headers, meta = await engine.check_async(user, tenant, tool, now_s, True, tenant, server)
    # The gateway's plugin takes it off an allowed call.
    if allowed:
        headers.pop("Retry-After", None)
    return {"allowed": allowed, "headers": headers, "meta": meta}


def stored(redis):
    states = {}
    for key in sorted(redis.keys("*")):
        kind = redis.type(key)
        if kind == "string":
            states[key] = redis.get(key)
        elif kind == "zset":
            states[key] = [score for _, score in redis.zrange(key, 0, -1, withscores=True)]
        else:
            states[key] = redis.hgetall(key)
    return states


def renew(redis):
    """Recorded calls are seconds apart, real ones are not: what ends by the server's clock begins its life anew."""
    for key in redis.keys("*"):
        if redis.type(key) == "string":
            redis.expire(key, int(key.rsplit(":", 1)[1]))


async def record_calls(redis, url):
    scenarios = []
    draw = random.Random(12)
    for algorithm in ALGORITHMS:
        for name, limits in CONFIGS.items():
            redis.flushall()
            config = {**limits, "algorithm": algorithm}
            engine = RateLimiterEngine({**config, "backend": "redis", "redis_url": url})
            now_s, calls = START_S, []
            for _ in range(16):
                now_s += draw.choice(STEPS_S)
                call = {"user": draw.choice(["ann", "ann", "bob"]), "tool": draw.choice(["search", "fetch", "other"])}
                call["serverId"] = draw.choice(["s1", "s2"])
                if draw.random() < 0.7:
                    call["tenantId"] = "acme"
                renew(redis)
                said = await answer(engine, call, now_s)
                calls.append({"call": call, "nowS": now_s, "answer": said, "stored": stored(redis)})
            scenarios.append({"name": f"{algorithm}, {name}", "config": config, "calls": calls})
    return scenarios


async def record_names(redis, url):
    names = []
    for config, call in NAMES:
        redis.flushall()
        core = RateLimiterPluginCore({**config, "backend": "redis", "redis_url": url})
        scope = GlobalContext(request_id="1", tenant_id=call.get("tenantId"), server_id=call.get("serverId"))
        scope.user = call["user"]
        payload = ToolPreInvokePayload(name=call.get("tool", "other"), args={})
        await core.tool_pre_invoke(payload, PluginContext(global_context=scope), None)
        names.append({"config": config, "call": call, "keys": sorted(redis.keys("*"))})
    return names


async def record_turns(redis, url):
    """Every second call is Sluice's: theirs goes on from what the script has left behind."""
    script = redis.register_script(SLUICE_SCRIPT.read_text())
    keys = [f"rl:acme:{path}:60" for path in TURN_KEYS]
    dimensions = [number for limit in TURN_KEYS.values() for number in (limit, 60, 1)]
    fleets = []
    draw = random.Random(24)
    for algorithm in ALGORITHMS:
        redis.flushall()
        config = {**TURN_LIMITS, "algorithm": algorithm}
        engine = RateLimiterEngine({**config, "backend": "redis", "redis_url": url})
        now_s, turns = START_S, []
        for turn in range(24):
            now_s += draw.choice([0, 0, 1, 5, 9, 20])
            renew(redis)
            if turn % 2 == 0:
                script(keys, [SLUICE_ALGORITHMS[algorithm], CONSUME, 1, now_s * 1_000_000, *dimensions])
                turns.append({"nowS": now_s, "stored": stored(redis)})
            else:
                said = await answer(engine, TURN_CALL, now_s)
                turns.append({"nowS": now_s, "answer": said, "stored": stored(redis)})
        fleets.append({"algorithm": algorithm, "config": config, "call": TURN_CALL, "turns": turns})
    return {"script": script.sha, "fleets": fleets}


async def record(url):
    import redis as client

    redis = client.Redis.from_url(url, decode_responses=True)
    recorded = {
        "madeBy": "test/vectors/compat/record-mcp-gateway.py with cpex-rate-limiter 0.1.12",
        "server": f"Redis {redis.info('server')['redis_version']}",
        "names": await record_names(redis, url),
        "scenarios": await record_calls(redis, url),
        "turns": await record_turns(redis, url),
    }
    json.dump(recorded, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    print()


asyncio.run(record(sys.argv[1]))
