import HTTPServing
import KubeMachinery
import KubeResources
import Testing

struct WorkloadTests {
  private static func spec(_ rest: String = "") -> String { Objects.named(#""spec":{\#(Objects.template)\#(rest)}"#) }

  private static let defaultsAreThoseOfKubernetesCases: [(String, String)] = [
    (
      "deployment",
      #"{"replicas":1,"revisionHistoryLimit":10,"progressDeadlineSeconds":600,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}}}"#
    ),
    ("replicaset", #"{"replicas":1}"#),
    (
      "daemonset",
      #"{"revisionHistoryLimit":10,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}"#
    ),
  ]

  @Test(arguments: WorkloadTests.defaultsAreThoseOfKubernetesCases)
  func defaultsAreThoseOfKubernetes(_ kind: String, _ expected: String) throws {
    var spec = try #require(try Objects.read(kind, Self.spec())["spec"])
    #expect(spec.at("template", "spec", "restartPolicy") == "Always")
    #expect(spec.at("template", "spec", "enableServiceLinks") == nil, "that is for pods alone")
    spec["selector"] = nil
    spec["template"] = nil
    #expect(spec.means(try Objects.json(expected)), "\(spec.encodedText)")
  }

  private static let whatIsWrongIsToldCases: [(String, String, [String])] = [
    ("deployment", WorkloadTests.spec(), []),
    ("replicaset", WorkloadTests.spec(), []), ("daemonset", WorkloadTests.spec(), []),
    (
      "deployment",
      Objects.named(
        #""spec":{"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"other"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}"#
      ),
      [
        #"spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`"#
      ]
    ),
    (
      "deployment",
      Objects.named(
        #""spec":{"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c"}]}}}"#
      ),
      [
        "spec.template.spec.containers[0].image: Required value",
        #"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
      ]
    ),
    (
      "deployment",
      Objects.named(
        #""spec":{"selector":{},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}"#
      ), [#"spec.selector: Invalid value: {}: empty selector is invalid for deployment"#]
    ),
    (
      "deployment", WorkloadTests.spec(#","replicas":-1"#),
      [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
      ]
    ),
    (
      "deployment", WorkloadTests.spec(#","strategy":{"type":"Recreate","rollingUpdate":{"maxSurge":1}}"#),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]
    ),
    (
      "deployment", WorkloadTests.spec(#","strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":0}}"#),
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]
    ),
    (
      "deployment", WorkloadTests.spec(#","progressDeadlineSeconds":5,"minReadySeconds":5"#),
      ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]
    ),
    (
      "daemonset", WorkloadTests.spec(#","updateStrategy":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":1}}"#),
      ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"]
    ),
    ("rc", Objects.named(#""spec":{}"#), ["spec.selector: Required value", "spec.template: Required value"]),
  ]

  @Test(arguments: WorkloadTests.whatIsWrongIsToldCases)
  func whatIsWrongIsTold(_ kind: String, _ text: String, _ errors: [String]) throws {
    #expect(try Objects.createErrors(kind, text) == errors)
  }

  @Test(arguments: ["deployment", "replicaset", "daemonset"])
  func selectorsStay(_ kind: String) throws {
    let other = Objects.named(
      #""spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"app":"a","x":"y"}},"spec":{"containers":[{"name":"c","image":"nginx"}]}}}"#
    )
    #expect(
      try Objects.updateErrors(kind, from: Self.spec(), to: other) == [
        #"spec.selector: Invalid value: {"matchLabels":{"x":"y"}}: field is immutable"#
      ])
  }

  @Test func controllersTakeTheSelectorFromTheirTemplate() throws {
    let controller = try Objects.read(
      "rc",
      Objects.named(
        #""spec":{"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}"#))
    #expect(controller.at("spec", "selector") == ["app": "a"])
    #expect(controller.at("metadata", "labels") == ["app": "a"])
    #expect(controller.at("spec", "replicas") == 1)
    #expect(try Objects.kind("rc").createErrors(controller).isEmpty)
  }

  @Test func jobsSelectTheirPodsByTheirUid() throws {
    let kind = try Objects.kind("job")
    var job = try Objects.read(
      "job",
      #"{"metadata":{"name":"j","namespace":"n","uid":"u-1"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}"#
    )
    kind.prepareCreate(&job)
    #expect(kind.createErrors(job).isEmpty)
    #expect(job.at("spec", "selector", "matchLabels") == ["batch.kubernetes.io/controller-uid": "u-1"])
    #expect(job.at("spec", "template", "metadata", "labels", "job-name") == "j")
    for (field, value) in [("completions", 1), ("parallelism", 1), ("backoffLimit", 6)] as [(String, Int64)] {
      #expect(job.at("spec", field) == .integer(value))
    }
    #expect(job.at("spec", "completionMode") == "NonIndexed")
    #expect(job.at("spec", "podReplacementPolicy") == "TerminatingOrFailed")

    var other = job
    other["spec"]?["completions"] = 3
    #expect(
      kind.updateErrors(other, old: job).map(\.text) == ["spec.completions: Invalid value: 3: field is immutable"])
  }

  private static let jobsAreCheckedCases: [(String, [String])] = [
    (
      #""spec":{"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}"#,
      [#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#]
    ),
    (
      #""spec":{"completionMode":"Indexed","parallelism":2,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}"#,
      ["spec.completions: Required value: when completion mode is Indexed"]
    ),
    (
      #""spec":{"backoffLimitPerIndex":1,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}"#,
      ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"]
    ),
  ]

  @Test(arguments: WorkloadTests.jobsAreCheckedCases)
  func jobsAreChecked(_ rest: String, _ errors: [String]) throws {
    #expect(try Objects.createErrors("job", Objects.named(rest)) == errors)
  }

  private static let tablesTellTheStateCases: [(String, String, String)] = [
    (
      "deployment",
      #""spec":{"replicas":3,\#(Objects.template)},"status":{"readyReplicas":2,"updatedReplicas":3,"availableReplicas":1}"#,
      #"["x","2/3",3,1,"60m","c","nginx","app=a"]"#
    ),
    (
      "replicaset", #""spec":{"replicas":3,\#(Objects.template)},"status":{"replicas":3,"readyReplicas":2}"#,
      #"["x",3,3,2,"60m","c","nginx","app=a"]"#
    ),
    (
      "daemonset", #""spec":{\#(Objects.template)},"status":{"desiredNumberScheduled":1,"numberReady":1}"#,
      #"["x",1,0,1,0,0,"<none>","60m","c","nginx","app=a"]"#
    ),
    (
      "job",
      #""spec":{"completions":2,\#(Objects.template)},"status":{"succeeded":2,"startTime":"2026-01-01T00:00:00Z","completionTime":"2026-01-01T00:00:09Z","conditions":[{"type":"Complete","status":"True"}]}"#,
      #"["x","Complete","2/2","9s","60m","c","nginx","app=a"]"#
    ),
  ]

  @Test(arguments: WorkloadTests.tablesTellTheStateCases)
  func tablesTellTheState(_ kind: String, _ rest: String, _ cells: String) throws {
    let object = #"{"metadata":{"name":"x","creationTimestamp":"2026-01-01T00:00:00Z"},\#(rest)}"#
    #expect(try Objects.cells(kind, object) == cells)
  }
}
