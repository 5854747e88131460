FROM corpus-base
RUN <<EOF
echo one > /out
echo two >> /out
EOF
