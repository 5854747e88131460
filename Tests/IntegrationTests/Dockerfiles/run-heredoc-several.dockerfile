FROM corpus-base
RUN cat <<A > /a && cat <<B > /b
first
A
second
B
