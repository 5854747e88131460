import KubeMachinery
import KubeResources
import Testing
