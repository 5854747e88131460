/// The methods of the Container Runtime Interface, version 1, by their names there.
package enum CRIRuntime {
  private static let service = "/runtime.v1.RuntimeService/"

  package static let version = GRPCMethod<CRIVersionRequest, CRIVersionResponse>(service + "Version")
  package static let status = GRPCMethod<CRIStatusRequest, CRIStatusResponse>(service + "Status")
  package static let runtimeConfig = GRPCMethod<CRIRuntimeConfigRequest, CRIRuntimeConfigResponse>(
    service + "RuntimeConfig")
  package static let updateRuntimeConfig = GRPCMethod<CRIUpdateRuntimeConfigRequest, CRIUpdateRuntimeConfigResponse>(
    service + "UpdateRuntimeConfig")

  package static let runPodSandbox = GRPCMethod<CRIRunPodSandboxRequest, CRIRunPodSandboxResponse>(
    service + "RunPodSandbox")
  package static let stopPodSandbox = GRPCMethod<CRIStopPodSandboxRequest, CRIStopPodSandboxResponse>(
    service + "StopPodSandbox")
  package static let removePodSandbox = GRPCMethod<CRIRemovePodSandboxRequest, CRIRemovePodSandboxResponse>(
    service + "RemovePodSandbox")
  package static let podSandboxStatus = GRPCMethod<CRIPodSandboxStatusRequest, CRIPodSandboxStatusResponse>(
    service + "PodSandboxStatus")
  package static let listPodSandbox = GRPCMethod<CRIListPodSandboxRequest, CRIListPodSandboxResponse>(
    service + "ListPodSandbox")
  package static let portForward = GRPCMethod<CRIPortForwardRequest, CRIPortForwardResponse>(service + "PortForward")
  package static let podSandboxStats = GRPCMethod<CRIPodSandboxStatsRequest, CRIPodSandboxStatsResponse>(
    service + "PodSandboxStats")
  package static let listPodSandboxStats = GRPCMethod<CRIListPodSandboxStatsRequest, CRIListPodSandboxStatsResponse>(
    service + "ListPodSandboxStats")

  package static let createContainer = GRPCMethod<CRICreateContainerRequest, CRICreateContainerResponse>(
    service + "CreateContainer")
  package static let startContainer = GRPCMethod<CRIStartContainerRequest, CRIStartContainerResponse>(
    service + "StartContainer")
  package static let stopContainer = GRPCMethod<CRIStopContainerRequest, CRIStopContainerResponse>(
    service + "StopContainer")
  package static let removeContainer = GRPCMethod<CRIRemoveContainerRequest, CRIRemoveContainerResponse>(
    service + "RemoveContainer")
  package static let listContainers = GRPCMethod<CRIListContainersRequest, CRIListContainersResponse>(
    service + "ListContainers")
  package static let containerStatus = GRPCMethod<CRIContainerStatusRequest, CRIContainerStatusResponse>(
    service + "ContainerStatus")
  package static let updateContainerResources = GRPCMethod<
    CRIUpdateContainerResourcesRequest, CRIUpdateContainerResourcesResponse
  >(service + "UpdateContainerResources")
  package static let reopenContainerLog = GRPCMethod<CRIReopenContainerLogRequest, CRIReopenContainerLogResponse>(
    service + "ReopenContainerLog")
  package static let execSync = GRPCMethod<CRIExecSyncRequest, CRIExecSyncResponse>(service + "ExecSync")
  package static let exec = GRPCMethod<CRIExecRequest, CRIExecResponse>(service + "Exec")
  package static let attach = GRPCMethod<CRIAttachRequest, CRIAttachResponse>(service + "Attach")
  package static let containerStats = GRPCMethod<CRIContainerStatsRequest, CRIContainerStatsResponse>(
    service + "ContainerStats")
  package static let listContainerStats = GRPCMethod<CRIListContainerStatsRequest, CRIListContainerStatsResponse>(
    service + "ListContainerStats")
  package static let getContainerEvents = GRPCStreamingMethod<CRIGetEventsRequest, CRIContainerEventResponse>(
    service + "GetContainerEvents")
}

/// The methods about images.
package enum CRIImages {
  private static let service = "/runtime.v1.ImageService/"

  package static let listImages = GRPCMethod<CRIListImagesRequest, CRIListImagesResponse>(service + "ListImages")
  package static let imageStatus = GRPCMethod<CRIImageStatusRequest, CRIImageStatusResponse>(service + "ImageStatus")
  package static let pullImage = GRPCMethod<CRIPullImageRequest, CRIPullImageResponse>(service + "PullImage")
  package static let removeImage = GRPCMethod<CRIRemoveImageRequest, CRIRemoveImageResponse>(service + "RemoveImage")
  package static let imageFsInfo = GRPCMethod<CRIImageFsInfoRequest, CRIImageFsInfoResponse>(service + "ImageFsInfo")
}
