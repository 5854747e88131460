FROM corpus-base
COPY --parents dir/sub/two.txt /p/
