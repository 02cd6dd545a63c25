# One image for both roles: `docker run roundel node …`, `docker run roundel balancer …`; flags follow, or come from
# the environment. Data is in /data.
FROM denoland/deno:2.9.6

WORKDIR /app
RUN mkdir /data && chown deno:deno /data
USER deno

# Dependencies and compiled code are part of the image: a container starts without any network.
COPY deno.json deno.lock ./
COPY src src
RUN ["deno", "cache", "src/node.ts", "src/balancer.ts", "src/balancer_worker.ts"]

ENV ROUNDEL_HOST=0.0.0.0 ROUNDEL_DATA_DIR=/data
VOLUME /data
EXPOSE 8080 8081 9080

# The role is $0. `exec`: the server itself is process 1 and gets the signals.
ENTRYPOINT ["/bin/sh", "-c", "\
case \"$0\" in node|balancer) ;; *) echo \"Unknown role $0: takes node or balancer, then flags\" >&2; exit 2 ;; esac; \
export ROUNDEL_OPEN_FILES=$(ulimit -Hn) ROUNDEL_BOOT_ID=$(cat /proc/sys/kernel/random/boot_id); \
exec deno run --no-prompt --cached-only --allow-net '--allow-env=ROUNDEL_*' --allow-read=/data,/app/src --allow-write=/data \
\"src/$0.ts\" \"$@\""]
CMD ["node"]

# Asks with the very flags that process 1 was started with.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD xargs -0 sh -c 'exec "$0" "$@" --health' < /proc/1/cmdline
