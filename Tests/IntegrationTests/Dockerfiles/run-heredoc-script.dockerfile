FROM corpus-base
RUN <<EOF
#!/bin/sh
echo "$0" | sed s,.*/,, > /out
EOF
