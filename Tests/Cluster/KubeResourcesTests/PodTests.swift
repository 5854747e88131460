import HTTPServing
import KubeMachinery
import KubeResources
import Testing

struct PodTests {
  private static func pod(_ container: String = "", _ spec: String = "") -> String {
    Objects.named(#""spec":{"containers":[{"name":"c","image":"nginx"\#(container)}]\#(spec)}"#)
  }

  @Test func defaultsAreThoseOfKubernetes() throws {
    let pod = try Objects.read(
      "pod",
      Self.pod(
        #","ports":[{"containerPort":80}],"livenessProbe":{"httpGet":{"port":80},"periodSeconds":0},"resources":{"limits":{"cpu":"1000m"}}"#,
        #","volumes":[{"name":"v"},{"name":"s","secret":{"secretName":"k"}}],"serviceAccountName":"robot""#))
    let expected = try Objects.json(
      #"""
      {"containers":[{"name":"c","image":"nginx","ports":[{"containerPort":80,"protocol":"TCP"}],
      "livenessProbe":{"httpGet":{"port":80,"path":"/","scheme":"HTTP"},"periodSeconds":10,"timeoutSeconds":1,"successThreshold":1,
      "failureThreshold":3},"resources":{"limits":{"cpu":"1"},"requests":{"cpu":"1"}},"terminationMessagePath":"/dev/termination-log",
      "terminationMessagePolicy":"File","imagePullPolicy":"Always"}],
      "volumes":[{"name":"v","emptyDir":{}},{"name":"s","secret":{"secretName":"k","defaultMode":420}}],
      "serviceAccountName":"robot","serviceAccount":"robot","restartPolicy":"Always","terminationGracePeriodSeconds":30,
      "dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler","enableServiceLinks":true}
      """#)
    #expect(pod["spec"]?.means(expected) == true, "\(pod["spec"]?.encodedText ?? "")")
  }

  private static let latestImagesArePulledEachTimeCases: [(String, String)] = [
    ("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1.27", "IfNotPresent"), ("host:5000/nginx", "Always"),
    ("nginx@sha256:0123", "IfNotPresent"),
  ]

  @Test(arguments: PodTests.latestImagesArePulledEachTimeCases)
  func latestImagesArePulledEachTime(_ image: String, _ policy: String) throws {
    let pod = try Objects.read(
      "pod", Objects.named(#""spec":{"containers":[{"name":"c","image":"\#(image)"}]}"#))
    #expect(pod.at("spec", "containers")?.items.first?["imagePullPolicy"]?.text == policy)
  }

  private static let whatIsWrongIsToldCases: [(String, String, [String])] = [
    ("", "", []),
    (#","ports":[{"containerPort":0}]"#, "", ["spec.containers[0].ports[0].containerPort: Required value"]),
    (
      #","ports":[{"containerPort":70000}]"#, "",
      ["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]
    ),
    (
      #","ports":[{"containerPort":1,"protocol":"ICMP"}]"#, "",
      [
        #"spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#
      ]
    ),
    (
      #","imagePullPolicy":"Never!""#, "",
      [
        #"spec.containers[0].imagePullPolicy: Unsupported value: "Never!": supported values: "Always", "IfNotPresent", "Never""#
      ]
    ),
    (
      #","volumeMounts":[{"name":"nope","mountPath":"/x"}]"#, "",
      [#"spec.containers[0].volumeMounts[0].name: Not found: "nope""#]
    ),
    (
      #","volumeMounts":[{"name":"v","mountPath":"/x"},{"name":"v","mountPath":"/x","subPath":"../y"}]"#,
      #","volumes":[{"name":"v"}]"#,
      [
        #"spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique"#,
        #"spec.containers[0].volumeMounts[1].subPath: Invalid value: "../y": must not contain '..'"#,
      ]
    ),
    (
      "", #","volumes":[{"name":"v","emptyDir":{},"hostPath":{"path":"/"}}]"#,
      [
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"
      ]
    ),
    ("", #","volumes":[{"name":"v"},{"name":"v"}]"#, [#"spec.volumes[1].name: Duplicate value: "v""#]),
    (
      #","resources":{"requests":{"memory":"2Gi"},"limits":{"memory":"1Gi"}}"#, "",
      [
        #"spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi"#
      ]
    ),
    (
      #","livenessProbe":{}"#, "",
      ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]
    ),
    (
      #","readinessProbe":{"tcpSocket":{"port":1},"exec":{"command":["x"]}}"#, "",
      ["spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"]
    ),
    (
      #","livenessProbe":{"exec":{"command":["x"]},"successThreshold":2}"#, "",
      ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"]
    ),
    (
      "", #","restartPolicy":"Sometimes""#,
      [
        #"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure""#
      ]
    ),
    (
      #","env":[{"name":"A","value":"x","valueFrom":{"fieldRef":{"fieldPath":"spec.containers"}}}]"#, "",
      [
        #"spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#,
        #"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.containers": error converting fieldPath: field label not supported: spec.containers"#,
      ]
    ),
    (
      #","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"status.phase"}}}]"#, "",
      [
        #"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#
      ]
    ),
    (
      #","securityContext":{"privileged":true,"allowPrivilegeEscalation":false}"#, "",
      [
        #"spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"#
      ]
    ),
    ("", #","hostUsers":false,"hostNetwork":true"#, ["spec.hostNetwork: Forbidden: when `hostUsers` is false"]),
    ("", #","terminationGracePeriodSeconds":2147483647"#, []),
    (
      "", #","terminationGracePeriodSeconds":9223372036854775807"#,
      [
        "spec.terminationGracePeriodSeconds: Invalid value: 9223372036854775807: must be less than or equal to 2147483647"
      ]
    ),
    (
      #","livenessProbe":{"exec":{"command":["x"]},"terminationGracePeriodSeconds":2147483648}"#, "",
      [
        "spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 2147483648: must be less than or equal to 2147483647"
      ]
    ),
    (#","lifecycle":{"preStop":{"sleep":{"seconds":30}}}"#, "", []),
    (
      #","lifecycle":{"preStop":{"sleep":{"seconds":31}}}"#, "",
      [
        "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"
      ]
    ),
    (
      "", #","activeDeadlineSeconds":0"#,
      [
        "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"
      ]
    ),
    (
      "", #","initContainers":[{"name":"c","image":"x","livenessProbe":{"exec":{"command":["x"]}}}]"#,
      [
        #"spec.initContainers[0].name: Duplicate value: "c""#,
        "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
      ]
    ),
    (
      "", #","dnsPolicy":"None""#,
      [
        "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"
      ]
    ),
    (
      "", #","tolerations":[{"operator":"Equal","value":"x"}]"#,
      [
        #"spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys""#
      ]
    ),
  ]

  @Test(arguments: PodTests.whatIsWrongIsToldCases)
  func whatIsWrongIsTold(_ container: String, _ spec: String, _ errors: [String]) throws {
    #expect(try Objects.createErrors("pod", Self.pod(container, spec)) == errors)
  }

  @Test func namelessContainersAndMissingImagesAreTold() throws {
    #expect(
      try Objects.createErrors("pod", Objects.named(#""spec":{"containers":[{"name":"A_b"}]}"#)).first
        == "spec.containers[0].name: Invalid value: \"A_b\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    )
    #expect(
      try Objects.createErrors("pod", Objects.named(#""spec":{"containers":[{"name":"c"}]}"#)) == [
        "spec.containers[0].image: Required value"
      ])
    #expect(try Objects.createErrors("pod", Objects.named(#""spec":{}"#)) == ["spec.containers: Required value"])
  }

  @Test func onlyImagesAndAFewOthersMayChange() throws {
    #expect(
      try Objects.updateErrors(
        "pod", from: Self.pod(),
        to: Objects.named(#""spec":{"containers":[{"name":"c","image":"nginx","args":["x"]}]}"#)
      ).first?.hasPrefix(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n- containers: "
      ) == true)
    #expect(
      try Objects.updateErrors(
        "pod", from: Self.pod(),
        to: Objects.named(
          #""spec":{"containers":[{"name":"c","image":"other","imagePullPolicy":"Always"}],"activeDeadlineSeconds":9,"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":9},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"operator":"Exists"}]}"#
        )) == [])
    #expect(
      try Objects.updateErrors(
        "pod", from: Self.pod(),
        to: Self.pod("", #","initContainers":[{"name":"i","image":"x"}]"#)) == [
          "spec.initContainers: Forbidden: pod updates may not add or remove containers"
        ])
    #expect(
      try Objects.updateErrors(
        "pod", from: Self.pod("", #","activeDeadlineSeconds":9"#), to: Self.pod("", #","activeDeadlineSeconds":10"#))
        == [
          "spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value"
        ])
  }

  private static let theQualityOfServiceIsToldCases: [(String, String)] = [
    ("", "BestEffort"), (#","resources":{"requests":{"cpu":"1"}}"#, "Burstable"),
    (#","resources":{"limits":{"cpu":"1","memory":"1Gi"}}"#, "Guaranteed"),
    (#","resources":{"limits":{"cpu":"1"}}"#, "Burstable"),
  ]

  @Test(arguments: PodTests.theQualityOfServiceIsToldCases)
  func theQualityOfServiceIsTold(_ container: String, _ quality: String) throws {
    var pod = try Objects.read("pod", Self.pod(container))
    try Objects.kind("pod").prepareCreate(&pod)
    #expect(pod["status"] == ["phase": "Pending", "qosClass": .string(quality)])
  }

  private static let tablesTellTheStateCases: [(String, String)] = [
    (#""status":{"phase":"Pending"}"#, #"["x","0/1","Pending","0","60m","<none>","<none>","<none>","<none>"]"#),
    (
      #""status":{"phase":"Running","podIP":"10.0.0.2","containerStatuses":[{"ready":true,"restartCount":2,"state":{"running":{}},"lastState":{"terminated":{"finishedAt":"2026-01-01T00:55:00Z"}}}]}"#,
      #"["x","1/1","Running","2 (5m ago)","60m","10.0.0.2","<none>","<none>","<none>"]"#
    ),
    (
      #""status":{"phase":"Running","containerStatuses":[{"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#,
      #"["x","0/1","CrashLoopBackOff","4","60m","<none>","<none>","<none>","<none>"]"#
    ),
    (
      #""status":{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"reason":"Completed","exitCode":0}}}]}"#,
      #"["x","0/1","Completed","0","60m","<none>","<none>","<none>","<none>"]"#
    ),
    (
      #""status":{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]}"#,
      #"["x","0/1","ExitCode:3","0","60m","<none>","<none>","<none>","<none>"]"#
    ),
  ]

  @Test(arguments: PodTests.tablesTellTheStateCases)
  func tablesTellTheState(_ status: String, _ cells: String) throws {
    let pod =
      #"{"metadata":{"name":"x","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"containers":[{"name":"c"}]},\#(status)}"#
    #expect(try Objects.cells("pod", pod) == cells)
  }

  @Test func podsOnTheirWayAreTold() throws {
    #expect(
      try Objects.cells(
        "pod",
        #"{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c"}],"initContainers":[{"name":"i"},{"name":"j"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"j","state":{"running":{}}}]}}"#
      ).hasPrefix(#"["x","0/1","Init:1/2","0","<unknown>""#))
    #expect(
      try Objects.cells(
        "pod",
        #"{"metadata":{"name":"x","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}}"#
      ).hasPrefix(#"["x","0/1","Terminating""#))
  }

  @Test(
    arguments: [
      (nil, "7", 7), (nil, "9223372036854775807", 2_147_483_647), (Int64.max, "7", 2_147_483_647), (nil, "-1", 0),
      (-5, "7", 0),
    ] as [(Int64?, String, Int64)])
  func aPodsEndTakesABoundedTime(_ wished: Int64?, _ own: String, _ seconds: Int64) throws {
    let pod = try Objects.json(#"{"spec":{"nodeName":"n","terminationGracePeriodSeconds":\#(own)}}"#)
    #expect(try Objects.kind("po").rules.graceSeconds(pod, wished) == seconds)
  }

  @Test(arguments: [
    ("[]", ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]),
    (
      #"[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute"}]"#,
      ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
    ),
    (#"[{"operator":"Exists"}]"#, [""]),
    (#"[{"key":"k","operator":"Exists"}]"#, ["k", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]),
  ])
  func newPodsStayAWhileOnNodesThatAreNotReady(_ own: String, _ keys: [String]) throws {
    var pod = try Objects.read(
      "pod", Objects.named(#""spec":{"containers":[{"name":"c","image":"i"}],"tolerations":\#(own)}"#))
    try Objects.kind("pod").prepareCreate(&pod)
    #expect(pod.at("spec", "tolerations")?.items.map { $0["key"]?.text ?? "" } == keys)
  }

  private static let whoSaysWhatHeNeedsCases: [(String, String, String?)] = [
    ("", "", nil),
    (
      #","resources":{"requests":{"cpu":"1"}}"#, "",
      #"{"key":"node.kubernetes.io/memory-pressure","operator":"Exists","effect":"NoSchedule"}"#
    ),
    (
      #","resources":{"limits":{"cpu":"1","memory":"1Gi"}}"#, "",
      #"{"key":"node.kubernetes.io/memory-pressure","operator":"Exists","effect":"NoSchedule"}"#
    ),
    (
      #","resources":{"requests":{"cpu":"1"}}"#,
      #","tolerations":[{"key":"node.kubernetes.io/memory-pressure","operator":"Exists"}]"#,
      #"{"key":"node.kubernetes.io/memory-pressure","operator":"Exists"}"#
    ),
  ]

  @Test(arguments: PodTests.whoSaysWhatHeNeedsCases)
  func whoSaysWhatHeNeedsComesToNodesThatAreShortOfMemory(
    _ container: String, _ own: String, _ toleration: String?
  ) throws {
    let text = Self.pod(container, own)
    var pod = try Objects.read("pod", text)
    try Objects.kind("pod").prepareCreate(&pod)
    let found = pod.at("spec", "tolerations")?.items.filter {
      $0["key"] == "node.kubernetes.io/memory-pressure"
    }
    #expect(try found == [toleration].compactMap { $0 }.map(Objects.json))
    // The same document once more takes nothing away.
    #expect(try Objects.updateErrors("pod", from: text, to: text) == [])
  }
}
