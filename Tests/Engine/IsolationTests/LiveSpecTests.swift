import Glibc
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Isolation

/// Specifications run by the real runtimes.
@Suite(.enabled(if: LiveContainer.canRun), .serialized)
struct LiveSpecTests {
  static let runtimes = ["/usr/bin/crun", "/usr/sbin/runc"].filter(FileSystem.exists)

  @Test(arguments: runtimes)
  func rootInsideIsNobodyOutside(runtime: String) throws {
    let container = try LiveContainer()
    defer { container.remove() }
    let result = try container.run(
      "id -u; cat /proc/self/uid_map /proc/self/gid_map; hostname; grep -E 'Cap(Eff|Bnd)|Seccomp:' /proc/self/status",
      runtime: runtime)
    #expect(result.code == 0, "\(result.text)")
    let words = result.text.split(whereSeparator: { " \n\t".contains($0) }).map(String.init)
    #expect(
      words == [
        "0", "0", "1500000000", "65536", "0", "1500000000", "65536", "compartment", "CapEff:", "00000000a80425fb",
        "CapBnd:", "00000000a80425fb", "Seccomp:", "2",
      ])
  }

  @Test(arguments: runtimes)
  func ATT041_kernelInterfacesAreMaskedOrReadOnly(runtime: String) throws {
    let container = try LiveContainer()
    defer { container.remove() }
    let script = """
      for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do [ -e $f ] && [ -n "$(cat $f 2>/dev/null)" ] && echo open $f; done
      for d in /sys/firmware /proc/scsi /proc/acpi /sys/devices/virtual/powercap; do [ -n "$(ls $d 2>/dev/null)" ] && echo open $d; done
      for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/irq/default_smp_affinity /sys/kernel/uevent_helper /sys/fs/cgroup/memory/cgroup.procs /sys/fs/cgroup/pids/pids.max
      do { echo 0 >$f; } 2>/dev/null && echo written $f; done
      mknod /tmp/null c 1 3 2>/dev/null && echo node
      echo done
      """
    let result = try container.run(script, runtime: runtime)
    let lines = result.text.split(separator: "\n").filter { !$0.hasPrefix("sh:") }
    #expect(lines == ["done"], "\(result.text)")
  }

  @Test func defaultsOfTheNetworkAndMounts() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    container.input.settings.host.sharedMemorySizeBytes = 1 << 20
    container.input.settings.domainName = "example.org"
    container.input.settings.host.readOnlyRoot = true
    container.input.settings.host.tmpfs = ["/tmp": "size=64k"]
    container.input.settings.host.sysctls = ["net.core.somaxconn": "77", "kernel.shmmax": "4097"]
    container.input.settings.host.resourceLimits = [ResourceLimit(name: "nofile", soft: 99, hard: 100)]
    let source = container.folder + "/source"
    try FileSystem.makeDirectory(source)
    container.input.mounts = [ResolvedMount(source: source, destination: "/mnt", readOnly: true)]
    let result = try container.run(
      """
      cd /proc/sys; cat net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/core/somaxconn kernel/shmmax kernel/domainname
      grep -E ' (/dev/shm|/tmp|/mnt|/) ' /proc/mounts; ulimit -n; ulimit -Hn; touch /x; touch /mnt/x; touch /tmp/x && echo ok
      """)
    let text = result.text
    #expect(text.hasPrefix("0\n0\t65535\n77\n4097\nexample.org\n"), "\(text)")
    #expect(text.contains("shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k"))
    #expect(text.contains("tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,relatime,size=64k"))
    #expect(text.contains("99\n100\n") && text.hasSuffix("ok\n"))
    #expect(text.contains("touch: /x: Read-only file system") && text.contains("touch: /mnt/x: Read-only file system"))
  }

  @Test func hostNetworkHasARootThatCannotChangeIt() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    container.input.settings.host.networkMode = .host
    container.input.namespaces.network = .host
    let result = try container.run(
      "ls /sys/class/net >/dev/null && echo seen; touch /sys/kernel/x; echo 1 >/proc/sys/net/ipv4/ip_forward; grep -c 'sysfs /sys sysfs ro' /proc/mounts"
    )
    #expect(result.text.contains("seen"), "\(result.text)")
    #expect(result.text.contains("1\n") && result.text.contains("Read-only file system"))
  }

  @Test func devicesAreBoundAndNothingElseIsThere() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    let node = container.folder + "/zero2"
    try systemCall("mknod") { mknod(node, S_IFCHR | 0o600, dev_t(1 << 8 | 5)) }
    chown(node, container.input.ids.first, container.input.ids.first)
    container.input.devices = [
      ResolvedDevice(
        source: node, destination: "/dev/mine", kind: .character, number: DeviceNumber(major: 1, minor: 5))
    ]
    let result = try container.run(
      "head -c 3 /dev/mine 2>/dev/null | wc -c; cat /dev/mine | busybox head -c 3 | busybox wc -c; ls /dev")
    let names = Set(result.text.split(separator: "\n").dropFirst(0).map(String.init))
    #expect(names.contains("3"), "\(result.text)")
    #expect(
      names.isSuperset(of: ["mine", "null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "mqueue"])
    )
    #expect(names.isDisjoint(with: ["kvm", "vda", "fuse", "mem", "kmsg"]))
  }

  @Test func limitsReachTheControlGroup() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    container.input.settings.host.resources.memoryBytes = 32 << 20
    container.input.settings.host.resources.nanoCPUs = 500_000_000
    container.input.settings.host.resources.pidsLimit = 17
    let result = try container.run(
      """
      cd /sys/fs/cgroup
      if [ -d memory ]; then cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us memory/memory.memsw.limit_in_bytes
      else cat memory.max pids.max cpu.max memory.swap.max; fi
      """)
    let v1 = "33554432\n17\n50000\n67108864\n"
    let v2 = "33554432\n17\n50000 100000\n33554432\n"
    #expect(result.text == (container.input.host.cgroupMode == .v2 ? v2 : v1), "\(result.text)")
  }

  @Test func initProgramIsTheFirstProcess() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    // A shell script stands for the init program: it shows how it is called.
    let program = container.folder + "/init"
    try FileSystem.atomicWrite(program, Array("#!/bin/sh\necho \"$0 $@\"\n".utf8), mode: 0o755)
    container.input.initProgram = program
    let result = try container.run("true")
    #expect(result.text == "/sbin/docker-init -- sh -c true\n")
  }

  /// Each call of the case, and what its number is on x86_64; perl of the host makes the calls.
  static let probes: [(name: String, call: String, errno: Int32)] = [
    ("mount", "165, $z, $z, $z, 0, 0", EPERM), ("unshare(NEWUSER)", "272, 0x10000000", EPERM),
    ("unshare(NEWTIME)", "272, 0x80", EPERM), ("unshare(NEWNET|FS)", "272, 0x40000200", EPERM),
    ("unshare(FS)", "272, 0x200", 0), ("clone(NEWUSER)", "56, 0x10000011, 0, 0, 0, 0", EPERM),
    ("keyctl", "250, 0, 0, 0, 0, 0", EPERM), ("add_key", "248, $z, $z, $z, 0, 0", EPERM),
    ("request_key", "249, $z, $z, $z, 0", EPERM),
    ("bpf", "321, 0, $z, 0", EPERM), ("perf_event_open", "298, $z, 0, 0, 0, 0", EPERM),
    ("userfaultfd", "323, 0", EPERM), ("open_by_handle_at", "304, 0, $z, 0", EPERM),
    ("kexec_load", "246, 0, 0, $z, 0", EPERM), ("clone3", "435, $z, 0", ENOSYS),
    ("io_uring_setup", "425, 1, $z", EPERM),
    ("setns", "308, 0, 0", EPERM), ("pivot_root", "155, $z, $z", EPERM), ("open_tree", "428, 0, $z, 0", EPERM),
    ("fsopen", "430, $z, 0", EPERM), ("mount_setattr", "442, 0, $z, 0, $z, 0", EPERM),
    ("init_module", "175, $z, 0, $z", EPERM), ("reboot", "169, 0, 0, 0, 0", EPERM),
    ("settimeofday", "164, $z, $z", EPERM),
    ("socket(ALG)", "41, 38, 5, 0", EAFNOSUPPORT), ("socket(VSOCK)", "41, 40, 1, 0", EAFNOSUPPORT),
    ("socket(INET)", "41, 2, 1, 0", 0),
    ("personality(query)", "135, 0xffffffff", 0), ("personality(other)", "135, 0x40000", ENOSYS),
    ("newer than the list", "1000", ENOSYS), ("getpid", "39", 0),
  ]

  @Test(arguments: runtimes)
  func privilegedIsRootOnTheHost(runtime: String) throws {
    var container = try LiveContainer(.host)
    defer { container.remove() }
    container.input.policy.privileged = true
    container.input.settings.host.privileged = true
    container.input.namespaces.user = .host
    container.input.devices = [
      ResolvedDevice(
        source: "/dev/kmsg", destination: "/dev/kmsg", kind: .character, number: DeviceNumber(major: 1, minor: 11))
    ]
    let result = try container.run(
      "grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs x /mnt && echo mounted; ls -l /dev/kmsg | grep -c ' 1, *11'",
      runtime: runtime)
    let mask = container.input.host.boundingCapabilities.reduce(UInt64(0)) { $0 | 1 << UInt64($1.number) }
    let digits = String(mask, radix: 16)
    let capabilities = String(repeating: "0", count: 16 - digits.count) + digits
    #expect(result.text == "CapEff:\t\(capabilities)\nSeccomp:\t0\nmounted\n1\n")
  }

  @Test(arguments: runtimes)
  func nullDeviceOfTheHostStaysTheHosts(runtime: String) throws {
    let container = try LiveContainer()
    defer { container.remove() }
    let before = try Descriptor.open("/dev/null", flags: O_PATH).status()
    // runc carries the two streams through itself, in no order among each other.
    let said = try container.run("chmod 600 /dev/null; echo >/dev/null && echo written", runtime: runtime).text
    #expect(said.contains("written\n"))
    let after = try Descriptor.open("/dev/null", flags: O_PATH).status()
    #expect(after.uid == before.uid && after.mode == before.mode)
  }

  /// The filter as the runtimes compile it, and as the engine does for crun.
  @Test(
    .enabled(if: KernelInfo.machine() == "x86_64"),
    arguments: runtimes.map { ($0, false) } + [("/usr/bin/crun", true)])
  func ATT042_systemCallFilter(runtime: String, isProgram: Bool) throws {
    var container = try LiveContainer()
    defer { container.remove() }
    container.input.runtimeTakesFilterPrograms = isProgram
    try container.bindHostPrograms()
    let calls = Self.probes.map { "$! = 0; $r = syscall(\($0.call)); print $r == -1 ? $!+0 : 0, qq(\\n);" }.joined(
      separator: " ")
    let result = try container.run("perl -e '$z = qq(\\0) x 128; \(calls)'", runtime: runtime)
    let found = result.text.split(separator: "\n").map(String.init)
    #expect(found.count == Self.probes.count, "\(result.text)")
    // Another architecture's numbers end the process (SIGSYS).
    #expect(try container.run("perl -e 'syscall(0x40000027)'; echo $?", runtime: runtime).text.contains("159"))
    for (probe, errno) in zip(Self.probes, found) { #expect(errno == "\(probe.errno)", "\(probe.name)") }
  }

  /// A runtime that does not know the annotation must not run the container without a filter.
  @Test(.enabled(if: runtimes.contains("/usr/sbin/runc")))
  func ATT042_unknownAnnotationFailsClosed() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    container.input.runtimeTakesFilterPrograms = true
    let result = try container.run("echo running", runtime: "/usr/sbin/runc")
    #expect(result.code != 0 && !result.text.contains("running"))
  }

  @Test func ATT043_setUserIDProgramsGainNothing() throws {
    var container = try LiveContainer()
    defer { container.remove() }
    try container.bindHostPrograms()
    container.input.user = ResolvedUser(uid: 1000, gid: 1000)
    container.input.settings.host.capabilitiesDropped = ["ALL"]
    let program = container.input.rootPath + "/bin/perl-root"
    try FileSystem.atomicWrite(program, FileSystem.read("/usr/bin/perl", maxBytes: 32 << 20), mode: 0o755)
    chown(program, container.input.ids.first, container.input.ids.first)
    chmod(program, 0o4755)
    let script = "/bin/perl-root -e 'print qq($> ); open F, qq(/proc/self/status); /^CapEff/ && print while <F>'"
    // Root of the container, who has no rights left and is 1500000000 outside.
    #expect(try container.run(script).text == "0 CapEff:\t0000000000000000\n")
    container.input.settings.host.securityOptions = ["no-new-privileges"]
    #expect(try container.run(script).text == "1000 CapEff:\t0000000000000000\n")
  }
}
