FROM busybox
RUN <<EOF
echo one > /out
echo two >> /out
EOF
