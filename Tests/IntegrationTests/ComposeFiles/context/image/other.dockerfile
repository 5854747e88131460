FROM busybox
RUN wget -q -T 1 -O - http://named:9/ 2>&1 | grep -o "bad address" >/answer; grep named /etc/hosts >>/answer; df -k /dev/shm | awk 'END {print $2}' >>/answer
CMD ["sleep", "300"]
