extension ProtobufNumbers {
  /// Metadata and all other groups.
  static let groups = """
    apps.v1.ControllerRevision metadata=1 data=2 revision=3
    apps.v1.DaemonSet metadata=1 spec=2 status=3
    apps.v1.DaemonSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
    apps.v1.DaemonSetSpec selector=1 template=2 updateStrategy=3 minReadySeconds=4 revisionHistoryLimit=6*
    apps.v1.DaemonSetStatus currentNumberScheduled=1 numberMisscheduled=2 desiredNumberScheduled=3 numberReady=4
      observedGeneration=5 updatedNumberScheduled=6 numberAvailable=7 numberUnavailable=8 collisionCount=9*
      conditions=10
    apps.v1.DaemonSetUpdateStrategy type=1 rollingUpdate=2
    apps.v1.Deployment metadata=1 spec=2 status=3
    apps.v1.DeploymentCondition type=1 status=2 lastUpdateTime=6 lastTransitionTime=7 reason=4 message=5
    apps.v1.DeploymentSpec replicas=1* selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6*
      paused=7 progressDeadlineSeconds=9*
    apps.v1.DeploymentStatus observedGeneration=1 replicas=2 updatedReplicas=3 readyReplicas=7 availableReplicas=4
      unavailableReplicas=5 terminatingReplicas=9* conditions=6 collisionCount=8*
    apps.v1.DeploymentStrategy type=1 rollingUpdate=2
    apps.v1.ReplicaSet metadata=1 spec=2 status=3
    apps.v1.ReplicaSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
    apps.v1.ReplicaSetSpec replicas=1* minReadySeconds=4 selector=2 template=3
    apps.v1.ReplicaSetStatus replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5
      terminatingReplicas=7* observedGeneration=3 conditions=6
    apps.v1.RollingUpdateDaemonSet maxUnavailable=1 maxSurge=2
    apps.v1.RollingUpdateDeployment maxUnavailable=1 maxSurge=2
    authentication.v1.BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
    authentication.v1.SelfSubjectReview metadata=1 status=2
    authentication.v1.SelfSubjectReviewStatus userInfo=1
    authentication.v1.TokenRequest metadata=1 spec=2 status=3
    authentication.v1.TokenRequestSpec audiences=1 expirationSeconds=4* boundObjectRef=3 attestations=5
    authentication.v1.TokenRequestStatus token=1 expirationTimestamp=2
    authentication.v1.TokenReview metadata=1 spec=2 status=3
    authentication.v1.TokenReviewSpec token=1 audiences=2
    authentication.v1.TokenReviewStatus authenticated=1 user=2 audiences=4 error=3
    authentication.v1.UserInfo username=1 uid=2 groups=3 extra=4
    authentication.v1beta1.SelfSubjectReview metadata=1 status=2
    authentication.v1beta1.SelfSubjectReviewStatus userInfo=1
    authorization.v1.FieldSelectorAttributes rawSelector=1 requirements=2
    authorization.v1.LabelSelectorAttributes rawSelector=1 requirements=2
    authorization.v1.LocalSubjectAccessReview metadata=1 spec=2 status=3
    authorization.v1.NonResourceAttributes path=1 verb=2
    authorization.v1.NonResourceRule verbs=1 nonResourceURLs=2
    authorization.v1.ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7
      fieldSelector=8 labelSelector=9
    authorization.v1.ResourceRule verbs=1 apiGroups=2 resources=3 resourceNames=4
    authorization.v1.SelfSubjectAccessReview metadata=1 spec=2 status=3
    authorization.v1.SelfSubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2
    authorization.v1.SelfSubjectRulesReview metadata=1 spec=2 status=3
    authorization.v1.SelfSubjectRulesReviewSpec namespace=1
    authorization.v1.SubjectAccessReview metadata=1 spec=2 status=3
    authorization.v1.SubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2 user=3 groups=4 extra=5
      uid=6
    authorization.v1.SubjectAccessReviewStatus allowed=1 denied=4 reason=2 evaluationError=3
    authorization.v1.SubjectRulesReviewStatus resourceRules=1 nonResourceRules=2 incomplete=3 evaluationError=4
    autoscaling.v1.Scale metadata=1 spec=2 status=3
    autoscaling.v1.ScaleSpec replicas=1
    autoscaling.v1.ScaleStatus replicas=1 selector=2
    batch.v1.Job metadata=1 spec=2 status=3
    batch.v1.JobCondition type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
    batch.v1.JobSpec parallelism=1* completions=2* activeDeadlineSeconds=3* podFailurePolicy=11 successPolicy=16
      backoffLimit=7* backoffLimitPerIndex=12* maxFailedIndexes=13* failedPodsLimit=9 selector=4 manualSelector=5*
      template=6 ttlSecondsAfterFinished=8* completionMode=9* suspend=10* podReplacementPolicy=14* managedBy=15*
      scheduling=17
    batch.v1.JobStatus conditions=1 startTime=2 completionTime=3 active=4 succeeded=5 failed=6 terminating=11*
      completedIndexes=7 failedIndexes=10* uncountedTerminatedPods=8 ready=9*
    batch.v1.PodFailurePolicy rules=1
    batch.v1.PodFailurePolicyOnExitCodesRequirement containerName=1* operator=2 values=3
    batch.v1.PodFailurePolicyOnPodConditionsPattern type=1 status=2
    batch.v1.PodFailurePolicyRule action=1 onExitCodes=2 onPodConditions=3
    batch.v1.SuccessPolicy rules=1
    batch.v1.SuccessPolicyRule succeededIndexes=1* succeededCount=2*
    batch.v1.UncountedTerminatedPods succeeded=1 failed=2
    coordination.v1.Lease metadata=1 spec=2
    coordination.v1.LeaseSpec holderIdentity=1* leaseDurationSeconds=2* acquireTime=3 renewTime=4 leaseTransitions=5*
      strategy=6* preferredHolder=7*
    discovery.v1.Endpoint addresses=1 conditions=2 hostname=3* targetRef=4 deprecatedTopology=5 nodeName=6* zone=7*
      hints=8
    discovery.v1.EndpointConditions ready=1* serving=2* terminating=3*
    discovery.v1.EndpointHints forZones=1 forNodes=2
    discovery.v1.EndpointPort name=1* protocol=2 port=3* appProtocol=4*
    discovery.v1.EndpointSlice metadata=1 addressType=4 endpoints=2 ports=3
    discovery.v1.ForNode name=1
    discovery.v1.ForZone name=1
    events.v1.Event metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7
      regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13 deprecatedLastTimestamp=14
      deprecatedCount=15
    events.v1.EventSeries count=1 lastObservedTime=2
    meta.v1.Condition type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6
    meta.v1.DeleteOptions gracePeriodSeconds=1* preconditions=2 orphanDependents=3* propagationPolicy=4* dryRun=5
    meta.v1.LabelSelector matchLabels=1 matchExpressions=2
    meta.v1.LabelSelectorRequirement key=1 operator=2 values=3
    meta.v1.ManagedFieldsEntry manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8
    meta.v1.ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7
      creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10* labels=11 annotations=12
      ownerReferences=13 finalizers=14 managedFields=17
    meta.v1.OwnerReference kind=1 name=3 uid=4 apiVersion=5 controller=6* blockOwnerDeletion=7*
    meta.v1.Preconditions uid=1* resourceVersion=2*
    node.v1.Overhead podFixed=1
    node.v1.RuntimeClass metadata=1 handler=2 overhead=3 scheduling=4
    node.v1.Scheduling nodeSelector=1 tolerations=2
    policy.v1.Eviction metadata=1 deleteOptions=2
    rbac.v1.AggregationRule clusterRoleSelectors=1
    rbac.v1.ClusterRole metadata=1 rules=2 aggregationRule=3
    rbac.v1.ClusterRoleBinding metadata=1 subjects=2 roleRef=3
    rbac.v1.PolicyRule verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5
    rbac.v1.Role metadata=1 rules=2
    rbac.v1.RoleBinding metadata=1 subjects=2 roleRef=3
    rbac.v1.RoleRef apiGroup=1 kind=2 name=3
    rbac.v1.Subject kind=1 apiGroup=2 name=3 namespace=4
    scheduling.v1.PriorityClass metadata=1 value=2 globalDefault=3 description=4 preemptionPolicy=5*
    """
}
