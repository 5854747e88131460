FROM corpus-base
ENV path=/usr/local/lib.so.so
ENV a=${path#*/} b=${path##*/} c=${path%.*} d=${path%%.*}
ENV e=${path/so/a} f=${path//so/a}
